import { runLoad } from './load/run.ts'
import { CLIENTS, type Mode, type Round } from './report/results.ts'
import { quantile } from './report/statistics.ts'
import { macsOf } from './roof/macs.ts'
import type { BenchModel } from './subjects/competitors.ts'
import type { Subject } from './subjects/process.ts'
import type { Workload } from './work/workloads.ts'

/** Primes, so that rounds begin at ever other places, the same for every library. */
const TEXTS_BETWEEN_ROUNDS = 211
const BATCHES_BETWEEN_ROUNDS = 11

export type Measurement = {
  model: BenchModel
  workload: Workload
  mode: Mode
  /** its number, from 0 */
  round: number
  seconds: number
}

/** Whether the mode is there for a subject: a mere server has no process to call, a mere engine no server. */
export function canMeasure(subject: Subject, mode: Mode): boolean {
  return mode.startsWith('http') ? subject.http !== undefined : subject.ask !== undefined
}

/**
 * Runs one subject for some seconds.
 *
 * @throws Error where it fails altogether
 */
export async function measure(subject: Subject, measurement: Measurement): Promise<Round> {
  const { workload, mode, round, seconds } = measurement
  if (mode === 'one' || mode === 'batches') {
    const start = round * (mode === 'one' ? TEXTS_BETWEEN_ROUNDS : BATCHES_BETWEEN_ROUNDS)
    const reply = await subject.ask!.timed({ task: mode, workload: workload.name, start, seconds })
    const texts = textsDone(workload, mode, start, reply.units)
    const { elapsedMs, latenciesMs = [] } = reply
    return { ...rates(measurement, texts, elapsedMs), ...percentiles(latenciesMs) }
  }
  const start = round * TEXTS_BETWEEN_ROUNDS
  const load = await subject.whileServing(() =>
    runLoad({ ...subject.http!, texts: workload.texts, start, seconds, arrivals: { clients: CLIENTS[mode]! } }),
  )
  if (load.answered === 0) throw new Error(`no answers: ${JSON.stringify(load.failures)}`)
  const texts = textsDone(workload, 'one', start, load.answered)
  return {
    ...rates(measurement, texts, load.elapsedMs),
    ...percentiles(load.latenciesMs),
    ...(Object.keys(load.failures).length > 0 && { failures: load.failures }),
    loadCpuMs: load.cpuMs,
    serverTimingMs: mapValues(load.serverTimingMs, (total) => total / load.answered),
  }
}

/** Numbers of the texts in the first `units` texts or batches from `start` on. */
function textsDone(workload: Workload, mode: 'one' | 'batches', start: number, units: number): number[] {
  const { texts, batches } = workload
  const numbers = Array.from({ length: units }, (_, index) => start + index)
  if (mode === 'one') return numbers.map((number) => number % texts.length)
  return numbers.flatMap((number) => batches[number % batches.length]!)
}

function rates({ model, workload }: Measurement, texts: number[], elapsedMs: number): Round {
  const macs = texts.reduce((sum, text) => sum + macsOf(model.shape, workload.tokens[text]!).total, 0)
  const perSecond = (amount: number) => amount / (elapsedMs / 1000)
  return {
    texts: texts.length,
    elapsedMs,
    textsPerSecond: perSecond(texts.length),
    macsPerSecond: perSecond(macs),
  }
}

function percentiles(latenciesMs: number[]): { p50Ms?: number; p99Ms?: number } {
  if (latenciesMs.length === 0) return {}
  return { p50Ms: quantile(latenciesMs, 0.5), p99Ms: quantile(latenciesMs, 0.99) }
}

function mapValues(record: Record<string, number>, of: (value: number) => number): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, of(value)]))
}
