import { setTimeout } from 'node:timers/promises'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { STORE_KINDS, storePlace } from '../support/stores.ts'

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it('a transaction sees nothing of others, and others nothing of it', async () => {
    await using place = await storePlace(kind)
    const { db, executeSql } = await place.open()
    await executeSql('create table counter (x integer not null); insert into counter values (0)')
    await Promise.all(
      Array.from({ length: 50 }, async () =>
        db.transaction().execute(async (transaction) => {
          const { rows } = await sql<{ x: number }>`select x from counter for update`.execute(transaction)
          await setTimeout(1)
          await sql`update counter set x = ${rows[0]!.x + 1}`.execute(transaction)
        }),
      ),
    )
    expect((await executeSql('select x from counter')).rows).toEqual([{ x: 50 }])
  })

  it('what fails is undone, and the connection serves the next', async () => {
    await using place = await storePlace(kind)
    const { db, executeSql } = await place.open()
    await executeSql('create table t (x integer)')
    const failing = Array.from({ length: 20 }, async (_, index) =>
      db.transaction().execute(async (transaction) => {
        await sql`insert into t values (${index})`.execute(transaction)
        if (index % 2 === 0) throw new Error('changed my mind')
        await sql`select 1 / 0`.execute(transaction)
      }),
    )
    expect((await Promise.allSettled(failing)).filter(({ status }) => status === 'fulfilled')).toEqual([])
    // A block that breaks off in its middle, as a queue's may.
    await expect(executeSql('begin; insert into t values (1); select 1 / 0; commit')).rejects.toMatchObject({
      code: '22012',
    })
    expect((await executeSql('select count(*) as rows from t')).rows).toEqual([{ rows: 0 }])
  })

  it('more callers than may wait are told to come back', async () => {
    await using place = await storePlace(kind)
    const store = await place.open()
    const all = await Promise.allSettled(Array.from({ length: 3000 }, async () => store.executeSql('select 1')))
    const refused = all.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
    expect(refused.length).toBeGreaterThan(900)
    expect(new Set(refused.map(({ reason }) => reason.code))).toEqual(new Set(['busy']))
    expect((await store.executeSql('select 1 as x')).rows).toEqual([{ x: 1 }])
    expect(store.depth()).toEqual({ inUse: 0, waiting: 0 })
  })

  it('close waits for what is under way', async () => {
    await using place = await storePlace(kind)
    const store = await place.open()
    const slow = store.executeSql('select pg_sleep(0.3), 1 as x')
    await setTimeout(50)
    await store.close()
    expect((await slow).rows[0]).toMatchObject({ x: 1 })
  })

  it('whoever listens hears what is said, also by another process of the store', async () => {
    await using place = await storePlace(kind)
    const store = await place.open()
    const other = kind === 'postgres' ? await place.open() : store
    const heard: string[] = []
    let connected = 0
    const subscription = await store.listen(
      'Some "channel"',
      (payload) => heard.push(payload),
      () => connected++,
    )
    await other.notify('Some "channel"', 'one')
    await other.notify('some other', 'not this')
    await other.notify('Some "channel"', 'two')
    await expect.poll(() => heard).toEqual(['one', 'two'])
    await subscription.close()
    await other.notify('Some "channel"', 'three')
    await setTimeout(100)
    expect(heard).toEqual(['one', 'two'])
    expect(connected).toBe(1)
  })

  // The embedded store has no connection that could break.
  it.skipIf(kind === 'embedded')('a listener whose connection breaks is connected again, and told so', async () => {
    await using place = await storePlace(kind)
    const store = await place.open()
    const heard: string[] = []
    let connected = 0
    await store.listen(
      'channel',
      (payload) => heard.push(payload),
      () => connected++,
    )
    await store.executeSql("select pg_terminate_backend(pid) from pg_stat_activity where query like 'LISTEN%'")
    await expect.poll(() => connected, { timeout: 10_000 }).toBe(2)
    await store.notify('channel', 'again')
    await expect.poll(() => heard).toEqual(['again'])
  })
})
