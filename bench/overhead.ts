import { parseArgs } from 'node:util'
import { coresLeftShare } from './load/cores-left.ts'
import { measure } from './measure.ts'
import { createProgress } from './report/progress.ts'
import { mean, spreadOf } from './report/statistics.ts'
import { startValence, VALENCE_FLAGS } from './subjects/start-valence.ts'

/**
 * What HTTP, tokenising and queueing add to the forward pass at 32 clients:
 *
 *   node bench/overhead.ts [--backend native] [--model distilbert-random] [--rounds 7] [--seconds 3] [--json]
 *
 * Each round has the forward pass alone, in packs of texts that were tokenised before; the engine alone, in its own process;
 * and the server with 32 clients, whose load generator takes its share of the same cores. What is added is the time that the
 * same work takes more: multiply-accumulates a second of the one over those of the other, less one. The waiting in the queue is
 * shown, but is no cost: in a closed loop it is as long as there are clients.
 */

/**
 * V8 compiles what a request meets, and compiles it again when it meets something else, such as clients that leave: its threads take 35 µs
 * of a text in the second ten seconds of load, 16 in the twenty after and 3 to 8 after a minute, and the event loop 120, 110 and 98. A
 * server runs for longer. Loads of the length of a round's, so that clients come and go as they will.
 */
const WARM_UP_SECONDS = 60

const { values } = parseArgs({
  options: {
    ...VALENCE_FLAGS,
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
})
const seconds = Number(values.seconds)
const rounds = Number(values.rounds)
const { subject, model, workloads, stop: stopServer } = await startValence(values, '')
const { subject: forward, stop: stopForward } = await startValence(values, '-forward')
const workload = workloads.get('sst2-dev')!
const progress = createProgress(rounds + 1)

type Figures = Awaited<ReturnType<typeof oneRound>>

try {
  progress.step('warming up')
  await measure(forward, { model, workload, round: 0, seconds, mode: 'batches' })
  for (let round = 0; round < WARM_UP_SECONDS / seconds; round++)
    await measure(subject, { model, workload, round, seconds, mode: 'http32' })
  const measured: Figures[] = []
  for (let round = 0; round < rounds; round++) {
    progress.step(`round ${round + 1}`)
    measured.push(await oneRound(round))
  }
  progress.end()
  print(measured)
} finally {
  await Promise.all([stopServer(), stopForward()])
}

async function oneRound(round: number) {
  const common = { model, workload, round, seconds }
  const alone = await measure(forward, { ...common, mode: 'batches' })
  const engine = await measure(subject, { ...common, mode: 'batches' })
  const http = await measure(subject, { ...common, mode: 'http32' })
  const added = (other: { macsPerSecond: number }) => addedPercent(alone.macsPerSecond, other.macsPerSecond)
  const timing = (name: string) => http.serverTimingMs?.[name] ?? Number.NaN
  const { loadCpuMs: cpuMs = Number.NaN, elapsedMs } = http
  const leftByLoad = coresLeftShare({ cpuMs, elapsedMs })
  return {
    'forward pass alone, texts/s': alone.textsPerSecond,
    'engine alone, texts/s': engine.textsPerSecond,
    'HTTP, 32 clients, texts/s': http.textsPerSecond,
    'forward pass alone, GMAC/s': alone.macsPerSecond / 1e9,
    'HTTP, 32 clients, GMAC/s': http.macsPerSecond / 1e9,
    'tokenising and queueing add, %': added(engine),
    'HTTP, tokenising and queueing add, %': added(http),
    'the same, of the cores that the load generator leaves, %': leftByLoad * (added(http) + 100) - 100,
    // A server on a machine of its own would have this for texts.
    'load generator, ms of a core a text': cpuMs / http.texts,
    'a text over HTTP: p50, ms': http.p50Ms ?? Number.NaN,
    'tokenising, ms': timing('tokenize'),
    'waiting in the queue, ms': timing('queue'),
    'its pack in the network, ms': timing('inference'),
  }
}

function print(measured: Figures[]): void {
  if (values.json) {
    console.log(JSON.stringify(measured))
    return
  }
  const names = Object.keys(measured[0]!) as (keyof Figures)[]
  console.table(
    Object.fromEntries(
      names.map((name) => {
        const { median, least, most } = spreadOf(measured.map((round) => round[name]))
        return [name, { median: rounded(median), least: rounded(least), most: rounded(most) }]
      }),
    ),
  )
  // A median leaves out what comes now and then, such as a full collection of garbage or a checkpoint of the store.
  const overall = (name: keyof Figures) => mean(measured.map((round) => round[name]))
  const added = addedPercent(overall('forward pass alone, GMAC/s'), overall('HTTP, 32 clients, GMAC/s'))
  console.log(`All rounds together, HTTP, tokenising and queueing add ${rounded(added)}%.`)
}

/** What more time the same work takes, told from how much of it is done in a second. */
function addedPercent(aloneRate: number, otherRate: number): number {
  return 100 * (aloneRate / otherRate - 1)
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
