import { accuracyOf } from './accuracy.ts'
import { canMeasure, measure } from './measure.ts'
import type { Progress } from './report/progress.ts'
import type { Cell, CompetitorResults, Mode, ModelResults } from './report/results.ts'
import { mean } from './report/statistics.ts'
import { macsOf, macsOfKernels } from './roof/macs.ts'
import type { Roof } from './roof/measure.ts'
import type { BenchModel, Competitor } from './subjects/competitors.ts'
import { type Subject, startSubject } from './subjects/process.ts'
import type { Workload } from './work/workloads.ts'

export type Plan = {
  competitors: readonly Competitor[]
  workloads: readonly Workload[]
  modes: readonly Mode[]
  rounds: number
  seconds: number
  warmUpSeconds: number
  /** once for each server, with the most clients */
  serverWarmUpSeconds: number
  measureRoof: (() => Promise<Roof>) | undefined
}

type Entry = { results: CompetitorResults; subject: Subject }

/**
 * Measures every library on one model. A round is every workload, mode and library once, in that order, so that whatever
 * else the machine does falls on all of them alike; the roof is measured at the start of each.
 *
 * @returns the model's results, with what the roof was in each round
 */
export async function runModel(model: BenchModel, plan: Plan, progress: Progress): Promise<ModelResults> {
  const entries: Entry[] = []
  const competitors: CompetitorResults[] = []
  try {
    for (const competitor of plan.competitors) {
      const entry = await enter(competitor, model, plan, progress)
      competitors.push(entry.results)
      if (entry.subject) entries.push({ results: entry.results, subject: entry.subject })
    }
    const roof = await allRounds(model, entries, plan, progress)
    return { name: model.name, title: model.title, workloads: describe(model, plan), roof, competitors }
  } finally {
    await Promise.all(entries.map(({ subject }) => subject.stop()))
  }
}

/** Starts a library, and sees whether its answers are right, before it is timed. */
async function enter(
  competitor: Competitor,
  model: BenchModel,
  plan: Plan,
  progress: Progress,
): Promise<{ results: CompetitorResults; subject?: Subject }> {
  const { id, title, settings } = competitor
  const results: CompetitorResults = { id, title, settings, versions: {}, cells: [] }
  progress.step(`${model.name}, ${title}: starting`)
  const missing = competitor.missing(model)
  if (missing !== undefined) return skip(missing)
  let subject: Subject | undefined
  try {
    subject = await startSubject(competitor, model)
    results.versions = subject.versions
    results.accuracy = await accuracyOf(model, (texts) => subject!.scores(texts))
    results.cells = plan.workloads.flatMap(({ name }) =>
      plan.modes
        .filter((mode) => canMeasure(subject!, mode))
        .map((mode): Cell => ({ workload: name, mode, rounds: [] })),
    )
    return { results, subject }
  } catch (error) {
    await subject?.stop()
    return skip(error instanceof Error ? error.message : String(error))
  }

  function skip(reason: string) {
    progress.note(`skipped ${title}: ${reason}`)
    return { results: { ...results, skipped: reason } }
  }
}

async function allRounds(model: BenchModel, entries: Entry[], plan: Plan, progress: Progress): Promise<Roof[]> {
  const roofs: Roof[] = []
  // Round -1 warms up and is thrown away: what compiles for a new length, and memory that is taken once.
  for (let round = -1; round < plan.rounds; round++) {
    const roof = round < 0 ? undefined : await plan.measureRoof?.()
    if (roof) roofs.push(roof)
    for (const workload of plan.workloads) {
      for (const mode of plan.modes) {
        for (const { results, subject } of entries) {
          const cell = results.cells.find(
            (candidate) => candidate.workload === workload.name && candidate.mode === mode,
          )
          if (!cell || cell.failed !== undefined) continue
          const which = round < 0 ? 'warming up' : `round ${round + 1}`
          progress.step(`${model.name}, ${which}, ${workload.title}, ${mode}: ${results.title}`)
          const seconds = round < 0 ? warmUpSeconds(plan, workload, mode) : plan.seconds
          try {
            const measured = await measure(subject, { model, workload, mode, round: Math.max(round, 0), seconds })
            if (round >= 0) cell.rounds.push(measured)
          } catch (error) {
            cell.failed = error instanceof Error ? error.message : String(error)
            progress.note(`${results.title}, ${workload.title}, ${mode}: ${cell.failed}`)
          }
        }
      }
    }
  }
  return roofs
}

function warmUpSeconds(plan: Plan, workload: Workload, mode: Mode): number {
  return mode === 'http32' && workload === plan.workloads[0] ? plan.serverWarmUpSeconds : plan.warmUpSeconds
}

function describe(model: BenchModel, { workloads }: Plan): ModelResults['workloads'] {
  return workloads.map(({ name, title, texts, tokens }) => {
    const macs = tokens.map((count) => macsOf(model.shape, count))
    return {
      name,
      title,
      texts: texts.length,
      meanTokens: mean(tokens),
      macs: mean(macs.map(({ total }) => total)),
      linearMacs: mean(macs.map(({ linear }) => linear)),
      kernelMacs: mean(tokens.map((count) => macsOfKernels(model.shape, count))),
    }
  })
}
