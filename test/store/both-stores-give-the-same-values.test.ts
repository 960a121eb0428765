import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { STORE_KINDS, storePlace } from '../support/stores.ts'

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it('numbers are numbers, whatever SQL calls them', async () => {
    await using place = await storePlace(kind)
    const { db } = await place.open()
    const { rows } =
      await sql`select 1::int2 as a, 2::int4 as b, 9007199254740991::int8 as c, 4::numeric as d, -2.5::numeric as e,
      sum(x) as f, count(*) as g, array[1::int8, null] as h, array[array[1.5::numeric]] as i from unnest(array[1::int8, 2]) x`.execute(
        db,
      )
    expect(rows).toEqual([{ a: 1, b: 2, c: 9007199254740991, d: 4, e: -2.5, f: 3, g: 2, h: [1, null], i: [[1.5]] }])
  })

  it('an integer that a number cannot hold is refused, and the connection stays usable', async () => {
    await using place = await storePlace(kind)
    const { db } = await place.open()
    for (const value of ['9007199254740993::int8', '-9007199254740993::int8', '1e30::numeric'])
      await expect(sql`select ${sql.raw(value)} as x`.execute(db)).rejects.toThrow('too large to be read as a number')
    expect((await sql`select 1 as x`.execute(db)).rows).toEqual([{ x: 1 }])
  })

  it('a time is a Date, a day is text, and a day begins at midnight UTC', async () => {
    await using place = await storePlace(kind)
    const { db } = await place.open()
    const { rows } = await sql`select '2026-03-01T23:30:00-05:00'::timestamptz as time, date '2026-03-01' as day,
      ('2026-03-01T23:30:00-05:00'::timestamptz)::date as its_day`.execute(db)
    expect(rows).toEqual([{ time: new Date('2026-03-02T04:30:00Z'), day: '2026-03-01', its_day: '2026-03-02' }])
  })

  it('text, bytes, JSON and lists come back as they went', async () => {
    await using place = await storePlace(kind)
    const { db } = await place.open()
    const text = 'Übermäßig "gut" \\ 😀\n\t$1'
    const { rows } = await sql`select ${text}::text as text, ${Buffer.from([0, 255, 10])}::bytea as bytes,
      ${JSON.stringify({ text, list: [1, null] })}::jsonb as json, ${['a', null, text]}::text[] as list, ${null}::text as nothing,
      ${true}::boolean as yes`.execute(db)
    expect(rows).toEqual([
      {
        text,
        bytes: Buffer.from([0, 255, 10]),
        json: { text, list: [1, null] },
        list: ['a', null, text],
        nothing: null,
        yes: true,
      },
    ])
  })

  it('an error has the code of PostgreSQL', async () => {
    await using place = await storePlace(kind)
    const { db } = await place.open()
    await sql`create table t (x integer primary key)`.execute(db)
    await sql`insert into t values (1)`.execute(db)
    await expect(sql`insert into t values (1)`.execute(db)).rejects.toMatchObject({
      code: '23505',
      constraint: 't_pkey',
    })
  })
})
