import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { STORE_KINDS, type StorePlace, storePlace } from '../support/stores.ts'

/** How often each store is killed. */
const KILLS = Number(process.env.VALENCE_KILLS ?? 30)

/** It dies at some moment within this time from its first acknowledgement, in ms. */
const LIVES_UP_TO_MS = 400

const TIMEOUT_MS = 60_000 + KILLS * 20_000

/** Starts a process that writes, and kills it; resolves to the last batch that it acknowledged. */
async function writeUntilKilled({ env }: StorePlace): Promise<number> {
  const writer = spawn(process.execPath, ['test/support/store-writer.ts'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // It closes when it has ended and all that it said has been read.
  const closed = once(writer, 'close')
  let output = ''
  writer.stdout.on('data', (chunk) => (output += chunk))
  await Promise.race([once(writer.stdout, 'data'), closed])
  expect(writer.exitCode).toBe(null)
  await setTimeout(Math.random() * LIVES_UP_TO_MS)
  writer.kill('SIGKILL')
  await closed
  // What came after the last line's end was not acknowledged whole.
  return Number(output.split('\n').at(-2))
}

async function check({ executeSql }: Store, acknowledged: number): Promise<number> {
  const { rows } = await executeSql(`
    select (select batches from total) as total, count(*) as batches, coalesce(max(batch), -1) as last,
      count(*) filter (where parts <> 3) as halves, count(*) filter (where not is_right) as wrong
    from (select batch, count(*) as parts, bool_and(content = repeat((batch * 3 + part)::text, 200)) as is_right from written group by batch) b`)
  const [found] = rows as [{ total: number; batches: number; last: number; halves: number; wrong: number }]
  expect(found).toMatchObject({ halves: 0, wrong: 0, total: found.batches, last: found.batches - 1 })
  // The one that was being acknowledged may be there as well.
  expect(found.last).toBeGreaterThanOrEqual(acknowledged)
  expect(found.last).toBeLessThanOrEqual(acknowledged + 1)
  // The index knows the same rows as the table.
  const byIndex = await executeSql(
    'set enable_seqscan = off; select count(*) as parts from written where batch >= 0; reset enable_seqscan',
  )
  expect((byIndex as unknown as { rows: unknown[] }[])[1]!.rows).toEqual([{ parts: found.batches * 3 }])
  return found.last
}

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it(`nothing is lost and nothing is half there, killed ${KILLS} times`, { timeout: TIMEOUT_MS }, async () => {
    await using place = await storePlace(kind)
    const openedInMs: number[] = []
    let last = -1
    for (let kill = 0; kill < KILLS; kill++) {
      const acknowledged = await writeUntilKilled(place)
      expect(acknowledged).toBeGreaterThan(last)
      const start = performance.now()
      const store = await place.open()
      openedInMs.push(performance.now() - start)
      last = await check(store, acknowledged)
      await store.close()
    }
    console.info(
      `${kind}: ${last + 1} batches, ${KILLS} kills; opened again in ${Math.round(Math.max(...openedInMs))} ms at most`,
    )
  })
})

it('a first start that is killed leaves nothing that the next one stumbles over', { timeout: 120_000 }, async () => {
  await using place = await storePlace('embedded', { empty: true })
  for (const afterMs of [300, 900, 1500, 2500]) {
    const writer = spawn(process.execPath, ['test/support/store-writer.ts'], {
      env: { ...process.env, ...place.env },
      stdio: 'ignore',
    })
    await setTimeout(afterMs)
    writer.kill('SIGKILL')
    await once(writer, 'exit')
  }
  const store = await place.open()
  expect((await store.executeSql('select 1 as x')).rows).toEqual([{ x: 1 }])
})
