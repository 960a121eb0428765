import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { coresLeftShare } from './load/cores-left.ts'
import type { LoadJob, LoadReport } from './load/job.ts'
import { runLoad } from './load/run.ts'
import { createProgress } from './report/progress.ts'
import { quantile, spreadOf } from './report/statistics.ts'
import { startValence, VALENCE_FLAGS } from './subjects/start-valence.ts'

/**
 * What Valence's server does under more load than it can carry: requests come at a constant rate of 1, 2 and 5 times what it
 * answers at most, whatever comes back.
 *
 *   node bench/overload.ts [--backend native] [--model distilbert-random] [--rounds 5] [--seconds 10] [--factors 1,2,5] [--json]
 *
 * Every text has a running number behind it, so that the server can join none. Goodput is answers with 200 a second; its peak is
 * the best of the closed loop and all factors in the same round, since the machine may be slower in the next.
 */
const CAPACITY_CLIENTS = 32
const WARM_UP = -1
const RSS_EVERY_MS = 500
const MIB = 2 ** 20

const { values } = parseArgs({
  options: {
    ...VALENCE_FLAGS,
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '10' },
    factors: { type: 'string', default: '1,2,5' },
    json: { type: 'boolean', default: false },
  },
})
const seconds = Number(values.seconds)
const rounds = Number(values.rounds)
const factors = values.factors.split(',').map(Number)
const { subject, workloads } = await startValence(values, '')
const { texts } = workloads.get('sst2-dev')!
const progress = createProgress(rounds + 1)

type Load = Awaited<ReturnType<typeof load>>

try {
  const measured: Load[][] = []
  for (let round = WARM_UP; round < rounds; round++) {
    progress.step(round === WARM_UP ? 'warming up' : `round ${round + 1}`)
    const loads = await subject.whileServing(oneRound)
    if (round !== WARM_UP) measured.push(loads)
  }
  progress.end()
  print(measured)
} finally {
  await subject.stop()
}

async function oneRound(): Promise<Load[]> {
  const capacity = await load({ clients: CAPACITY_CLIENTS })
  const loads = [capacity]
  for (const factor of factors) loads.push(await load({ perSecond: capacity.goodput * factor }))
  return loads
}

async function load(arrivals: LoadJob['arrivals']) {
  const rss = watchRss(subject.http!.pid)
  const report = await runLoad({ ...subject.http!, texts, start: 0, seconds, numbered: true, arrivals })
  return { ...summary(report), ...rss.stop() }
}

function summary({ answered, elapsedMs, latenciesMs, failures, refused, cpuMs }: LoadReport) {
  const goodput = answered / (elapsedMs / 1000)
  return {
    sentPerSecond: (answered + sum(Object.values(failures))) / seconds,
    goodput,
    goodputOfCoresLeft: goodput / coresLeftShare({ cpuMs, elapsedMs }),
    answerP50Ms: quantile(latenciesMs, 0.5),
    answerP99Ms: quantile(latenciesMs, 0.99),
    refused: refused.count,
    refusedWithoutRetryAfter: refused.count - refused.withRetryAfter,
    refusalP50Ms: quantile(refused.latenciesMs, 0.5),
    refusalP99Ms: quantile(refused.latenciesMs, 0.99),
    failures,
  }
}

/** Reads the server's resident memory now and then; what it is at the end of each round says whether it is flat. */
function watchRss(pid: number): { stop(): { rssMiB: number[] } } {
  const rssMiB: number[] = []
  const timer = setInterval(() => rssMiB.push(rssOf(pid)), RSS_EVERY_MS)
  return {
    stop() {
      clearInterval(timer)
      return { rssMiB }
    },
  }
}

function rssOf(pid: number): number {
  const kib = /^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return (Number(kib) * 1024) / MIB
}

function print(measured: readonly Load[][]): void {
  if (values.json) {
    console.log(JSON.stringify(measured))
    return
  }
  const peaksOf = (figure: (load: Load) => number) => measured.map((loads) => Math.max(...loads.map(figure)))
  const peaks = peaksOf(({ goodput }) => goodput)
  const peaksOfCoresLeft = peaksOf(({ goodputOfCoresLeft }) => goodputOfCoresLeft)
  const offered = [`closed loop, ${CAPACITY_CLIENTS} clients`, ...factors.map((factor) => `${factor} × that`)]
  console.table(
    offered.map((name, index) => {
      const ofAll = (figure: (load: Load, round: number) => number) =>
        spread(measured.map((loads, round) => figure(loads[index]!, round)))
      const total = (figure: (load: Load) => number) => sum(measured.map((loads) => figure(loads[index]!)))
      return {
        offered: name,
        'sent/s': ofAll(({ sentPerSecond }) => sentPerSecond),
        'goodput/s': ofAll(({ goodput }) => goodput),
        'of the peak, %': ofAll(({ goodput }, round) => (100 * goodput) / peaks[round]!),
        // A server on a machine of its own would have what the load generator takes, which is more where more is sent.
        'the same, of the cores that the load generator leaves, %': ofAll(
          ({ goodputOfCoresLeft }, round) => (100 * goodputOfCoresLeft) / peaksOfCoresLeft[round]!,
        ),
        'answers p50; p99, ms': `${ofAll(({ answerP50Ms }) => answerP50Ms)}; ${ofAll(({ answerP99Ms }) => answerP99Ms)}`,
        refused: total(({ refused }) => refused),
        'without Retry-After': total(({ refusedWithoutRetryAfter }) => refusedWithoutRetryAfter),
        'refusals p50; p99, ms': `${ofAll(({ refusalP50Ms }) => refusalP50Ms)}; ${ofAll(({ refusalP99Ms }) => refusalP99Ms)}`,
        'RSS at the end of each round, MiB': measured.map((loads) => round(loads[index]!.rssMiB.at(-1)!)).join(', '),
        failures: JSON.stringify(measured.map((loads) => loads[index]!.failures)),
      }
    }),
  )
}

/** The median over the rounds, with the least and the most. */
function spread(figures: readonly number[]): string {
  if (figures.some(Number.isNaN)) return '–'
  const { median, least, most } = spreadOf(figures)
  return `${round(median)} [${round(least)}–${round(most)}]`
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
