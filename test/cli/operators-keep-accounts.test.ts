import { describe, expect, it } from 'vitest'
import { clientOf } from '../support/accounts.ts'
import { type Ended, runToEnd } from '../support/python.ts'
import { startTestServer } from '../support/server.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it('an operator makes accounts and keys, tops up, and sees what was used', { timeout: 240_000 }, async () => {
    await using place = await storePlace(kind)
    const valence = (...args: string[]): Promise<Ended> =>
      runToEnd(process.execPath, ['src/cli/valence.js', ...args], place.env)
    const json = async (...args: string[]) =>
      JSON.parse((await valence(...args, '--json')).stdout) as Record<string, never>

    const account = await json('accounts', 'create', 'Acme')
    expect(await json('topup', account.id!, '10', '--idempotency-key', 'a')).toMatchObject({
      fee_usd: 0.5,
      balance_usd: 9.5,
    })
    expect(await json('topup', account.id!, '10', '--idempotency-key', 'a')).toMatchObject({ balance_usd: 9.5 })
    expect((await valence('accounts', 'list')).stdout).toContain(`${account.id}\t$9.50\tAcme\n`)

    const key = await json('keys', 'create', '--account', account.id!, '--models', 'huggingface/*', '--rpm', '100')
    const listed = await valence('keys', 'list', '--account', account.id!)
    expect(listed.stdout).toContain(key.id)
    expect(listed.stdout).not.toContain(key.key)
    const next = await json('keys', 'rotate', key.id!)
    const admin = await json('keys', 'create', '--admin')

    const server = await startTestServer(['--require-keys'], place.env)
    // There is an admin key, so that the start makes none.
    expect(server.output()).not.toContain('sk-aig-')
    expect((await clientOf(server, key.key!).classify()).status).toBe(200)
    expect((await clientOf(server, next.key!).classify()).status).toBe(200)
    expect((await clientOf(server, key.key!).classify()).status).toBe(401)
    expect((await clientOf(server, admin.key!).get('/v1/accounts')).status).toBe(200)
    if (kind === 'postgres') {
      // A server that runs hears of it at once.
      await valence('keys', 'revoke', key.id!)
      expect((await clientOf(server, next.key!).classify()).status).toBe(401)
    } else {
      const refused = await valence('keys', 'revoke', key.id!)
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('is in use by process') })
    }
    expect(await server.stop()).toBe(0)
    expect(await json('usage', '--account', account.id!, '--by', 'model')).toEqual({
      label: 'huggingface/distilbert-sst-2-int8',
      requests: 2,
      tokens: 8,
      cost_usd: 0,
    })
  })

  it('an operator keeps sub-accounts and budgets, and ends accounts', { timeout: 240_000 }, async () => {
    await using place = await storePlace(kind)
    const valence = (...args: string[]): Promise<Ended> =>
      runToEnd(process.execPath, ['src/cli/valence.js', ...args], place.env)
    const json = async (...args: string[]) =>
      JSON.parse((await valence(...args, '--json')).stdout) as Record<string, never>

    const { id } = await json('accounts', 'create', 'Acme', '--rpm', '600')
    const sub = await json('accounts', 'create', 'a\u001b[2Jb', '--parent', id!, '--spend-cap', '5', '--tag', 'shop')
    expect(sub).toMatchObject({ parent_id: id, spend_cap_usd: 5, default_tag: 'shop', key: expect.any(String) })
    // A name may be anything to its owner, and does nothing to an operator's terminal.
    expect((await valence('accounts', 'list', '--parent', id!)).stdout).toBe(`${sub.id}\ta\ufffd[2Jb\t$5.00 a month\n`)
    expect((await valence('accounts', 'list')).stdout).toContain(`${id}\t$0.00\tAcme\t600 a minute\n`)

    const budget = await json('budgets', 'set', 'shop', '2.5', '--account', id!)
    expect(await json('budgets', 'set', 'shop', '3', '--account', id!)).toEqual({ ...budget, monthly_cap_usd: 3 })
    expect((await valence('budgets', 'list', '--account', id!)).stdout).toBe(`${budget.id}\tshop\t$0.00 of $3.00\n`)
    expect(await valence('budgets', 'delete', budget.id!, '--account', id!)).toMatchObject({ code: 0 })
    expect(await valence('budgets', 'delete', budget.id!, '--account', id!)).toMatchObject({ code: 2 })

    expect(await valence('accounts', 'delete', id!)).toMatchObject({ code: 0, stderr: '' })
    expect((await valence('accounts', 'list')).stdout).not.toContain(id)
    expect(await valence('topup', id!, '10')).toMatchObject({ code: 2 })
    expect(await valence('keys', 'create', '--account', sub.id!)).toMatchObject({ code: 2 })
    expect(await valence('accounts', 'delete', 'acct_local')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('always exists'),
    })
  })

  it('mistakes are told in one line', { timeout: 240_000 }, async () => {
    await using place = await storePlace(kind)
    for (const [args, message] of [
      [['topup', 'acct_none', '5'], /^valence: There is no account "acct_none" with a wallet\.\n$/],
      [['topup', 'acct_local', 'five'], /^valence: The amount must be dollars such as 5 or 0\.25/],
      [['topup', 'acct_local', '0'], /^valence: A top-up must be more than nothing\.\n$/],
      [['keys', 'create', '--models', 'huggingface/*,'], /^valence: --models must be models separated by commas/],
      [['accounts', 'create', 'x'.repeat(201)], /^valence: The name must have from 1 to 200 characters\.\n$/],
      [['accounts', 'create', 'a', '--parent', 'sa_none'], /^valence: There is no account "sa_none"\.\n$/],
      [['accounts', 'delete', 'acct_none'], /^valence: There is no account "acct_none"\.\n$/],
      [['budgets', 'set', 'blue'], /^valence: budgets set takes a tag and an amount in dollars\.\n$/],
      [['keys', 'create', '--rpm', '0'], /^valence: --rpm must be a whole number from 1/],
      [['keys', 'revoke'], /^valence: keys revoke takes the id of one key/],
      [['keys', 'create', '--account', 'acct_none'], /^valence: There is no account "acct_none"\.\n$/],
      [['usage', '--month', '2026-13'], /^valence: --month must be a month/],
      [['usage', '--by', 'colour'], /^valence: --by must be tag, model, day or sub-account\.\n$/],
    ] as const) {
      const { code, stderr } = await runToEnd(process.execPath, ['src/cli/valence.js', ...args], place.env)
      expect(code, stderr).toBe(2)
      expect(stderr).toMatch(message)
    }
  })
})
