import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { createWalletOffice, type Payer } from '../../src/gateway/wallet.ts'
import type { Store } from '../../src/store/store.ts'
import type { UsageRecord } from '../../src/store/usage.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'

const LEASE_MS = 60_000
const PRICE = 100

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it('lets exactly as many of 300 calls at once through as it can pay', async () => {
    await using place = await storePlace(kind)
    const store = await place.open()
    await addAccount(store, { balanceMicros: 100 * PRICE })
    const office = createWalletOffice(Promise.resolve({ store }), { leaseMs: LEASE_MS })

    const answers = await Promise.allSettled(
      Array.from({ length: 300 }, async (_, index) => {
        const held = await office.reserve(PAYER, PRICE)
        await office.settle(held, PRICE, usage(`use_${index}`, PRICE))
      }),
    )

    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(100)
    for (const answer of answers) {
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'insufficient_credits' })
    }
    expect(await office.balance('acct_a')).toEqual({ balanceMicros: 0, heldMicros: 0, isPostpaid: false })
    expect(await sumOfLedger(store)).toBe(0)
    expect(await count(store, 'usage_calls')).toBe(100)
  })

  it('charges what a call cost, and gives back what was held beyond it', async () => {
    await using place = await storePlace(kind)
    const store = await place.open()
    await addAccount(store, { balanceMicros: 1000 })
    const office = createWalletOffice(Promise.resolve({ store }), { leaseMs: LEASE_MS })
    const held = await office.reserve(PAYER, 1000)
    await expect(office.reserve(PAYER, 1)).rejects.toMatchObject({ code: 'insufficient_credits' })
    await office.settle(held, 300, usage('use_1', 300))
    expect(await office.balance('acct_a')).toMatchObject({ balanceMicros: 700, heldMicros: 0 })
    // A settlement whose answer was lost on the way is asked for again.
    await office.settle(held, 300, usage('use_1', 300))
    expect(await office.balance('acct_a')).toMatchObject({ balanceMicros: 700, heldMicros: 0 })
    await office.release(await office.reserve(PAYER, 700))
    expect(await office.balance('acct_a')).toMatchObject({ balanceMicros: 700, heldMicros: 0 })
  })

  it('gives back what a process held that died, and charges nothing that comes too late', async () => {
    await using place = await storePlace(kind)
    const store = await place.open()
    await addAccount(store, { balanceMicros: 1000 })
    const dead = createWalletOffice(Promise.resolve({ store }), { leaseMs: 1 })
    const held = await dead.reserve(PAYER, 1000)
    await new Promise((resolve) => setTimeout(resolve, 20))
    const alive = createWalletOffice(Promise.resolve({ store }), { leaseMs: LEASE_MS })
    await alive.releaseExpired()
    await expect(dead.settle(held, 1000, usage('use_1', 1000))).rejects.toMatchObject({ code: 'timed_out' })
    expect(await alive.balance('acct_a')).toMatchObject({ balanceMicros: 1000, heldMicros: 0 })
  })

  it('takes a top-up once for an idempotency key, less five in a hundred', async () => {
    await using place = await storePlace(kind)
    const store = await place.open()
    await addAccount(store, { balanceMicros: 0 })
    const office = createWalletOffice(Promise.resolve({ store }), { leaseMs: LEASE_MS })
    const payment = { accountId: 'acct_a', paidMicros: 10_000_019, idempotencyKey: 'invoice-1' }
    const answers = await Promise.all([office.topUp(payment), office.topUp(payment), office.topUp(payment)])
    for (const answer of answers) {
      expect(answer).toMatchObject({ id: answers[0].id, feeMicros: 500_000, creditMicros: 9_500_019 })
    }
    expect(await office.balance('acct_a')).toMatchObject({ balanceMicros: 9_500_019 })
    await expect(office.topUp({ ...payment, paidMicros: 5 })).rejects.toMatchObject({ code: 'conflict' })
    await expect(office.topUp({ ...payment, accountId: 'acct_none' })).rejects.toMatchObject({ code: 'not_found' })
    expect(await sumOfLedger(store)).toBe(0)
  })

  it('holds a key, a sub-account and a tag to their caps, and tells of them once', async () => {
    await using place = await storePlace(kind)
    const store = await place.open()
    await addAccount(store, { balanceMicros: 100_000_000 })
    await store.db
      .insertInto('accounts')
      .values({ id: 'sa_a', parent_id: 'acct_a', name: 'sub', monthly_cap_micros: 10 * PRICE })
      .execute()
    const office = createWalletOffice(Promise.resolve({ store }), { leaseMs: LEASE_MS })
    const payer = { ...PAYER, accountId: 'sa_a' }
    const answers = await Promise.allSettled(
      Array.from({ length: 40 }, async (_, index) => {
        const held = await office.reserve(payer, PRICE)
        await office.settle(held, PRICE, usage(`use_${index}`, PRICE))
      }),
    )
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
    for (const answer of answers) {
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'budget_exceeded' })
    }
    const events = await store.db.selectFrom('events').select(['type', 'account_id', 'data']).execute()
    // Nine in ten lies between two thresholds.
    const percents = events.flatMap(({ type, data }) => (type === 'usage.threshold' ? [data.percent] : []))
    expect(new Set(percents)).toEqual(new Set([80, 100]))
    expect(percents).toHaveLength(2)
    expect(events.filter(({ type }) => type === 'sub_account.budget.exhausted')).toEqual([
      {
        type: 'sub_account.budget.exhausted',
        account_id: 'acct_a',
        data: expect.objectContaining({ sub_account_id: 'sa_a' }),
      },
    ])
  })
})

const PAYER: Payer = { walletId: 'acct_a', accountId: 'acct_a', keyId: undefined, tag: undefined }

async function addAccount({ db }: Store, { balanceMicros }: { balanceMicros: number }): Promise<void> {
  await db.insertInto('accounts').values({ id: 'acct_a', name: 'a' }).execute()
  await db.insertInto('wallets').values({ account_id: 'acct_a', balance_micros: balanceMicros }).execute()
}

function usage(id: string, costMicros: number): UsageRecord {
  return {
    id,
    requestId: 'r',
    accountId: 'acct_a',
    keyId: null,
    route: '/v1/classifications',
    model: 'm',
    servedBy: 'm',
    tag: null,
    status: 'ok',
    texts: 1,
    tokens: 1,
    costMicros,
    latencyMs: 1,
    createdAt: new Date().toISOString(),
  }
}

async function sumOfLedger({ db }: Store): Promise<number> {
  const { rows } = await sql<{
    sum: number
  }>`select coalesce(sum(amount_micros), 0) as sum from ledger_entries`.execute(db)
  return rows[0]!.sum
}

async function count({ db }: Store, table: 'usage_calls'): Promise<number> {
  const { count: rows } = await db
    .selectFrom(table)
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return rows
}
