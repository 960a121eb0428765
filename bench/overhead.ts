import { parseArgs } from 'node:util'
import { runLoad } from './load/run.ts'
import { textsDone } from './measure.ts'
import { createProgress } from './report/progress.ts'
import { spreadOf } from './report/statistics.ts'
import { startValence, VALENCE_FLAGS } from './subjects/start-valence.ts'

/**
 * What HTTP, tokenising and queueing add to the forward pass at 32 clients, in core time a text:
 *
 *   node bench/overhead.ts [--backend native|onnx] [--model distilbert-random] [--rounds 7] [--seconds 3] [--json]
 *
 * Each round has the engine alone in packs, then the server with 32 clients, over the same texts. A worker is a core's, so
 * core time a text is workers × time ÷ texts; what it exceeds the forward pass by is all that a text costs beside it,
 * waiting for the others' included. Waiting in the queue is shown, but is no cost: with 32 clients in a closed loop it is as
 * long as the server is fast.
 */
const CLIENTS = 32
const WORKLOAD = 'sst2-dev'
const TEXTS_BETWEEN_ROUNDS = 211

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
const progress = createProgress(rounds + 1)
const { subject, workloads } = await startValence(values)
const workload = workloads.get(WORKLOAD)!
const workers = Number(subject.versions.workers)
try {
  const measured: Awaited<ReturnType<typeof oneRound>>[] = []
  for (let round = -1; round < rounds; round++) {
    progress.step(round < 0 ? 'warming up' : `round ${round + 1}`)
    const figures = await oneRound(Math.max(round, 0))
    if (round >= 0) measured.push(figures)
  }
  progress.end()
  print(measured)
} finally {
  await subject.stop()
}

async function oneRound(round: number) {
  const alone = await subject.ask!.timed({ task: 'batches', workload: WORKLOAD, start: round, seconds })
  const aloneTexts = textsDone(workload, 'batches', round, alone.units).length
  const arrivals = { clients: CLIENTS }
  const start = round * TEXTS_BETWEEN_ROUNDS
  const load = await subject.whileServing(() =>
    runLoad({ ...subject.http, workload: WORKLOAD, start, seconds, arrivals }),
  )
  const aText = (total: number) => total / load.answered
  const timing = (name: string) => aText(load.serverTimingMs[name] ?? Number.NaN)
  const wallMs = load.latenciesMs.reduce((sum, latency) => sum + latency, 0)
  const coreMs = workers * aText(load.elapsedMs)
  const aloneCoreMs = (workers * alone.elapsedMs) / aloneTexts
  return {
    'texts/s, engine alone': aloneTexts / (alone.elapsedMs / 1000),
    'texts/s, HTTP': load.answered / (load.elapsedMs / 1000),
    'forward pass, ms of a core': timing('inference'),
    'forward pass, engine alone': (alone.forwardMs ?? Number.NaN) / aloneTexts,
    'core time a text over HTTP, ms': coreMs,
    'added to the forward pass, %': 100 * (coreMs / timing('inference') - 1),
    'added to the engine alone, %': 100 * (coreMs / aloneCoreMs - 1),
    'tokenising, ms': timing('tokenize'),
    'waiting in the queue, ms': timing('queue'),
    'rest of the wall time (HTTP, event loop), ms':
      aText(wallMs) - timing('tokenize') - timing('queue') - timing('inference'),
    'load generator, ms of a core': aText(load.cpuMs),
  }
}

function print(measured: Awaited<ReturnType<typeof oneRound>>[]): void {
  if (values.json) {
    console.log(JSON.stringify({ workers, rounds: measured }))
    return
  }
  const names = Object.keys(measured[0]!) as (keyof (typeof measured)[0])[]
  console.table(
    Object.fromEntries(
      names.map((name) => {
        const { median, least, most } = spreadOf(measured.map((round) => round[name]))
        return [name, { median: round3(median), least: round3(least), most: round3(most) }]
      }),
    ),
  )
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000
}
