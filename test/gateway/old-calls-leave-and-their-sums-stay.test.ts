import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { deleteOldUsage, insertUsage } from '../../src/store/usage.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'

const DAY_MS = 86_400_000

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it('old calls leave, and their sums stay; a record that is handed over twice counts once', async () => {
    await using place = await storePlace(kind)
    const { db } = await place.open()
    const record = (id: string, daysAgo: number) => ({
      id,
      requestId: 'r',
      accountId: 'acct_local',
      keyId: null,
      route: '/v1/classifications',
      model: 'm',
      servedBy: 'm',
      tag: null,
      status: 'ok',
      texts: 1,
      tokens: 3,
      costMicros: 0,
      latencyMs: 1.5,
      createdAt: new Date(Date.now() - daysAgo * DAY_MS).toISOString(),
    })
    const records = JSON.stringify([record('use_old', 500), record('use_new', 1), record('use_new', 1)])
    await insertUsage(db, records)
    await insertUsage(db, records)
    expect(await deleteOldUsage(db, 396)).toBe(false)
    expect(await db.selectFrom('usage_calls').select('id').execute()).toEqual([{ id: 'use_new' }])
    const { rows } = await sql`select sum(requests) as requests, sum(tokens) as tokens from usage_days`.execute(db)
    expect(rows).toEqual([{ requests: 2, tokens: 6 }])
  })
})
