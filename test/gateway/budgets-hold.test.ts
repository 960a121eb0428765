import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addAccount, clientOf, priced, startKeyedServer } from '../support/accounts.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'

const PRICE_MICROS = 10_000

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it('a cap of a key, a sub-account or a tag holds to the micro-dollar, and is told of', async () => {
    await using place = await storePlace(kind)
    const server = await startKeyedServer(place, priced(place, PRICE_MICROS))
    const { key } = await addAccount(server, { creditMicros: 100 * PRICE_MICROS })
    const owner = clientOf(server, key)
    const succeeded = async (asWhom: string, headers: Record<string, string> = {}) => {
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) => clientOf(server, asWhom).classify(`text ${index}`, headers)),
      )
      for (const { status, body } of answers) {
        if (status !== 200) expect(body).toMatchObject({ error: { type: 'budget_exceeded', code: 402 } })
      }
      return answers.filter(({ status }) => status === 200).length
    }
    const capped = (await owner.post('/v1/keys', { spend_cap_cents: 4 })).body as { id: string; key: string }
    expect(await succeeded(capped.key)).toBe(4)
    await owner.patch(`/v1/keys/${capped.id}`, { spend_cap_cents: 5.5 })
    expect(await succeeded(capped.key)).toBe(1)

    const sub = (await owner.post('/v1/sub-accounts', { name: 'a', spend_cap_cents: 5 })).body as {
      id: string
      key: string
    }
    expect(await succeeded(sub.key)).toBe(5)
    await owner.patch(`/v1/sub-accounts/${sub.id}`, { spend_cap_cents: 6 })
    expect(await succeeded(sub.key)).toBe(1)
    expect((await clientOf(server, sub.key).get('/v1/balance')).body).toMatchObject({
      account_id: sub.id,
      balance_cents: 0,
      spend_cap_cents: 6,
      spent_this_month_cents: 6,
    })

    const budget = (await owner.post('/v1/budgets', { tag: 'blue', monthly_cap_cents: 3 })).body as { id: string }
    expect(await succeeded(key, { 'x-aig-tag': 'blue' })).toBe(3)
    expect((await owner.get('/v1/budgets')).body).toMatchObject({
      data: [{ id: budget.id, tag: 'blue', monthly_cap_cents: 3, spent_this_month_cents: 3 }],
    })
    expect((await owner.delete(`/v1/budgets/${budget.id}`)).body).toMatchObject({ status: 'ok' })
    expect(await succeeded(key, { 'x-aig-tag': 'blue' })).toBe(12)
    expect((await owner.get('/v1/balance')).body).toMatchObject({ spent_this_month_cents: 26, balance_cents: 74 })

    await server.stop()
    const { db } = await place.open()
    const events = await db.selectFrom('events').select(['type', 'data']).execute()
    const told = (scope: string) =>
      events.flatMap(({ type, data }) =>
        type === 'usage.threshold' && data.scope === scope
          ? [`${String(data.percent)}% of ${String(data.cap_cents)}`]
          : [],
      )
    expect(new Set(told('key'))).toEqual(new Set(['100% of 4', '80% of 5.5']))
    expect(new Set(told('account'))).toEqual(new Set(['80% of 5', '100% of 5', '100% of 6']))
    expect(new Set(told('tag'))).toEqual(new Set(['100% of 3']))
    expect(events).toHaveLength(new Set(events.map((event) => JSON.stringify(event))).size)
    expect(
      events.filter(({ type }) => type === 'sub_account.budget.exhausted').map(({ data }) => data.cap_cents),
    ).toEqual([5, 6])
  })

  it('a text that costs by its tokens costs what was read, and never more than was held', async () => {
    await using place = await storePlace(kind)
    const prices = join(place.dataDir, 'prices.json')
    writeFileSync(
      prices,
      JSON.stringify({ 'distilbert-base-uncased-finetuned-sst-2-english': { per_million_tokens_usd: 1000 } }),
    )
    const server = await startKeyedServer(place, ['--prices', prices])
    // A token costs a thousandth of a dollar; the longest text may have 512 of them.
    const { key } = await addAccount(server, { creditMicros: 520_000 })
    const owner = clientOf(server, key)
    const { body } = await owner.classify('What a wonderful day.')
    expect(body).toMatchObject({ usage: { prompt_tokens: 7, cost: 0.007 } })
    expect((await owner.classify('good '.repeat(5000))).body).toMatchObject({
      usage: { prompt_tokens: 512, cost: 0.512 },
    })
    expect((await owner.classify('Hi.')).status).toBe(402)
    await server.stop()
  })
})
