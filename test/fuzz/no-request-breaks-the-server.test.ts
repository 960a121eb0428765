import { expect, test } from 'vitest'
import { fuzz } from './fuzz.ts'

const LONG_RUN = process.env.VALENCE_FUZZ_REQUESTS !== undefined
const REQUESTS = Number(process.env.VALENCE_FUZZ_REQUESTS ?? 5000)
const SEED = Number(process.env.VALENCE_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
/** Some 3 ms a request on a small machine; this is thrice that. */
const TIME_LIMIT_MS = 60_000 + REQUESTS * 10
/** A leak of 1 KB a request would be 100 MiB over the long run. */
const MOST_GROWTH_MIB = 60

test(`no request breaks the server (VALENCE_FUZZ_SEED=${SEED})`, { timeout: TIME_LIMIT_MS }, async () => {
  const report = await fuzz({ requests: REQUESTS, seed: SEED })
  const { faults, outcomes, rssMiB, ...figures } = report
  if (LONG_RUN) console.log({ ...figures, outcomes, rssMiB })
  expect(faults).toEqual([])
  // So that a run in which nothing gets through does not count as a pass.
  expect(outcomes['200']).toBeGreaterThan(REQUESTS / 20)
  expect(rssMiB.at(-1)! - rssMiB[0]!).toBeLessThan(MOST_GROWTH_MIB)
})
