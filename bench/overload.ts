import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { LoadJob, LoadReport } from './load/job.ts'
import { runLoad } from './load/run.ts'
import { quantile } from './report/statistics.ts'
import { startValence, VALENCE_FLAGS } from './subjects/start-valence.ts'

/**
 * What Valence's server does under more load than it can carry: requests come at a constant rate of 1, 2 and 5 times what it
 * answers at most, whatever comes back.
 *
 *   node bench/overload.ts [--backend native] [--model distilbert-random] [--seconds 20] [--factors 1,2,5] [--json]
 *
 * Every text has a running number behind it, so that the server can join none. Goodput is answers with 200 a second; its peak is the best of the closed loop and all factors.
 */
const CAPACITY_CLIENTS = 32
const RSS_EVERY_MS = 500
const MIB = 2 ** 20

const { values } = parseArgs({
  options: {
    ...VALENCE_FLAGS,
    seconds: { type: 'string', default: '20' },
    factors: { type: 'string', default: '1,2,5' },
    json: { type: 'boolean', default: false },
  },
})
const seconds = Number(values.seconds)
const { subject, workloads } = await startValence(values, '')
const { texts } = workloads.get('sst2-dev')!
try {
  const rows = await subject.whileServing(async () => {
    const capacity = await load({ clients: CAPACITY_CLIENTS })
    const all = [{ offered: `closed loop, ${CAPACITY_CLIENTS} clients`, ...capacity }]
    for (const factor of values.factors.split(',').map(Number)) {
      const perSecond = capacity.goodput * factor
      all.push({ offered: `${factor} × ${capacity.goodput.toFixed(0)}/s`, ...(await load({ perSecond })) })
    }
    return all
  })
  print(rows)
} finally {
  await subject.stop()
}

async function load(arrivals: LoadJob['arrivals']) {
  const rss = watchRss(subject.http!.pid)
  const report = await runLoad({ ...subject.http!, texts, start: 0, seconds, numbered: true, arrivals })
  return { ...summary(report), ...rss.stop() }
}

function summary({ answered, elapsedMs, latenciesMs, failures, refused }: LoadReport) {
  return {
    sentPerSecond: (answered + sum(Object.values(failures))) / seconds,
    goodput: answered / (elapsedMs / 1000),
    answerP50Ms: quantile(latenciesMs, 0.5),
    answerP99Ms: quantile(latenciesMs, 0.99),
    refused: refused.count,
    refusedWithoutRetryAfter: refused.count - refused.withRetryAfter,
    refusalP50Ms: quantile(refused.latenciesMs, 0.5),
    refusalP99Ms: quantile(refused.latenciesMs, 0.99),
    failures,
  }
}

/** Reads the server's resident memory now and then; the second half's growth says whether it is flat. */
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

function print(rows: (Awaited<ReturnType<typeof load>> & { offered: string })[]): void {
  if (values.json) {
    console.log(JSON.stringify(rows))
    return
  }
  const peak = Math.max(...rows.map(({ goodput }) => goodput))
  console.table(
    rows.map((row) => ({
      offered: row.offered,
      'sent/s': round(row.sentPerSecond),
      'goodput/s': round(row.goodput),
      'of the peak': `${Math.round((100 * row.goodput) / peak)}%`,
      'answers p50; p99, ms': `${round(row.answerP50Ms)}; ${round(row.answerP99Ms)}`,
      refused: row.refused,
      'without Retry-After': row.refusedWithoutRetryAfter,
      'refusals p50; p99, ms': `${round(row.refusalP50Ms)}; ${round(row.refusalP99Ms)}`,
      'RSS start, middle, end, MiB': [0, 0.5, 1].map((part) => round(at(row.rssMiB, part))).join(', '),
      failures: JSON.stringify(row.failures),
    })),
  )
}

function at(values: readonly number[], part: number): number {
  return values[Math.floor(part * (values.length - 1))] ?? Number.NaN
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** Two decimals; a dash for the quantile of nothing. */
function round(value: number): number | string {
  return Number.isNaN(value) ? '–' : Math.round(value * 100) / 100
}
