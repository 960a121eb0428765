import { describe, expect, it } from 'vitest'
import { addAccount, priced, startKeyedServer } from '../support/accounts.ts'
import { get, post } from '../support/http.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'
import { chargesOf, kill, pause, until } from './support.ts'

const FREE = 'valence/minilm-sst-2-int8'
const PRICED = 'huggingface/distilbert-sst-2-int8'
const PRICE_MICROS = 100

/** Long enough for some seconds of work. */
const DATASET = Array.from({ length: 150 }, (_, index) => ({
  input: `${'A long and winding text. '.repeat(80)}${index}\u0000\ud800`,
  expected: index % 2 === 0 ? 'positive' : 'negative',
}))

type Eval = { id: string; status: string; summary: { models: { answered: number }[] } }

describe.each(STORE_KINDS)('on the %s store', { timeout: 180_000 }, (kind) => {
  it.each([
    ['is killed', kill],
    ['is stopped', (server: RunningServer) => server.stop()],
  ])('an eval whose server %s goes on at the next start, and no call is charged twice', async (_, end) => {
    await using place = await storePlace(kind)
    const flags = ['--workers', '1', ...priced(place, PRICE_MICROS)]
    const first = await startKeyedServer(place, flags)
    const { key } = await addAccount(first, { creditMicros: 1_000_000 })
    const headers = { authorization: `Bearer ${key}` }
    const newest = async ({ url }: RunningServer) =>
      ((await get(`${url}/v1/evals?limit=1`, headers)).body as { data: Eval[] }).data[0]

    const asked = post(`${first.url}/v1/evals`, { candidate_models: [FREE, PRICED], dataset: DATASET }, headers)
    asked.catch(() => {})
    await until(
      () => newest(first),
      (found) => found?.status === 'running',
    )
    await pause(700)
    await end(first)
    if (kind === 'postgres') {
      // A process that lives might still run it; what it has not renewed for a minute is another's.
      const { db } = await place.open()
      await db
        .updateTable('evals')
        .set({ lease_until: new Date(Date.now() - 1) })
        .execute()
    }
    const server = await startTestServer(['--require-keys', ...flags], place.env)
    const done = await until(
      () => newest(server),
      (found) => found?.status !== 'running',
      120_000,
    )
    expect(done).toMatchObject({
      status: 'completed',
      error: null,
      summary: {
        basis: 'expected',
        models: [
          { model: FREE, answered: DATASET.length, failed: 0, cost_cents: 0 },
          { model: PRICED, answered: DATASET.length, failed: 0, cost_cents: (DATASET.length * PRICE_MICROS) / 10_000 },
        ],
      },
    })
    await server.stop()
    const store = await place.open()
    expect(await chargesOf(store, `${done!.id}.`)).toEqual({
      charges: DATASET.length,
      chargedMicros: DATASET.length * PRICE_MICROS,
      calls: 2 * DATASET.length,
    })
    expect(await store.db.selectFrom('eval_answers').select('eval_id').execute()).toEqual([])
    expect(await store.db.selectFrom('evals').select('request').execute()).toEqual([{ request: null }])
  })
})
