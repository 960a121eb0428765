import { describe, expect, it } from 'vitest'
import { type Migration, migrate, migrationsOf } from '../../src/store/migrate.ts'
import { MIGRATIONS } from '../../src/store/migrations/all.ts'
import { get } from '../support/http.ts'
import { startTestServer } from '../support/server.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'

const STEPS: Migration[] = [
  ...MIGRATIONS,
  { id: 901, name: 'one', sql: 'create table one (x integer not null); insert into one values (1);' },
  { id: 902, name: 'two', sql: 'update one set x = x + 1; create table two (y text);' },
]

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it('a step is taken once, however many take it', async () => {
    await using place = await storePlace(kind)
    // Two connections that share nothing; the embedded store has one, in which they take turns.
    const stores = kind === 'postgres' ? [await place.open(), await place.open()] : [await place.open()]
    const taken = await Promise.all([...stores, ...stores].map(({ db }) => migrate(db, STEPS)))
    expect(new Set(taken.flat().map(({ id }) => id))).toEqual(new Set([901, 902]))
    expect(taken.flat()).toHaveLength(2)
    const [{ db, executeSql }] = stores as [(typeof stores)[0]]
    expect((await executeSql('select x from one')).rows).toEqual([{ x: 2 }])
    expect((await migrationsOf(db)).filter((id) => id > 900)).toEqual([901, 902])
  })

  it('a step that fails leaves nothing behind, and is taken again', async () => {
    await using place = await storePlace(kind)
    const { db, executeSql } = await place.open()
    const [two, one] = STEPS.toReversed() as [Migration, Migration]
    const broken = { ...one, sql: `${one.sql} select 1/0;` }
    await expect(migrate(db, [...MIGRATIONS, broken, two])).rejects.toThrow('division by zero')
    await expect(executeSql('select x from one')).rejects.toMatchObject({ code: '42P01' })
    expect(await migrate(db, STEPS)).toHaveLength(2)
  })

  it('a step with a lower number that came later is taken as well', async () => {
    await using place = await storePlace(kind)
    const { db } = await place.open()
    await migrate(db, STEPS)
    const late = { id: 900, name: 'late', sql: 'create table late (z integer)' }
    expect(await migrate(db, [late, ...STEPS])).toEqual([late])
  })

  it('a store of a newer version is refused', async () => {
    await using place = await storePlace(kind)
    const store = await place.open()
    await migrate(store.db, STEPS)
    await expect(migrate(store.db, STEPS.slice(0, -1))).rejects.toThrow(/changed by a newer Valence .* 902/)
  })
})

it.skipIf(!STORE_KINDS.includes('postgres'))(
  'two servers that start at once on a new database both get up',
  async () => {
    await using place = await storePlace('postgres')
    const servers = await Promise.all([startTestServer([], place.env), startTestServer([], place.env)])
    for (const { url } of servers)
      await expect
        .poll(async () => (await get(`${url}/health`)).body, { timeout: 20_000 })
        .toMatchObject({ store: { kind: 'postgres', status: 'open' } })
    expect(await Promise.all(servers.map(async (server) => server.stop()))).toEqual([0, 0])
    const { db } = await place.open()
    expect(await migrationsOf(db)).toEqual(MIGRATIONS.map(({ id }) => id))
  },
)
