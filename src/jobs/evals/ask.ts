import { setTimeout } from 'node:timers/promises'
import { asValenceError } from '../../errors.ts'
import type { Admission, Call } from '../../gateway/admission.ts'
import type { EvalAnswer } from '../../store/evals.ts'
import type { Metric, Said } from './score.ts'

/** Whose an eval is, and what its calls are known by. */
export type EvalCall = Pick<Call, 'caller' | 'route' | 'tag'>

/** All that has to be known of an eval to run it. */
export type EvalWork = {
  id: string
  call: EvalCall
  candidateModels: readonly string[]
  dataset: readonly { text: string; expected?: string | undefined }[]
  metric: Metric
}

/** As many calls of one at once as leave room for others; one where speed is measured, as calls wait for one another. */
const CALLS_AT_ONCE: Readonly<Record<Metric, number>> = { quality: 4, cost: 4, speed: 1 }

/** An eval has time, and what it measures is not how long a model takes to come. */
export const PATIENCE = { waitsForModel: true }

/** What passes away is asked again, since an eval has time; after that the call counts as failed. */
const PAUSES_MS = [200, 1000, 5000]

const PASSES_AWAY = new Set(['busy', 'model_loading', 'timed_out'])

/** What would come again with every call: there is no use in going on. */
const HOPELESS = new Set(['insufficient_credits', 'budget_exceeded', 'scope_exceeded', 'shutting_down'])

/**
 * Asks every candidate about every text: text by text, every candidate in turn, so that a busy minute meets them all alike.
 *
 * @param options.known what was said before the process that ran it died
 * @param options.keep told what the candidates said of a text, before the next
 * @returns what was said, by candidate, then by text
 * @throws what would come again with every call; the signal's reason
 */
export async function askAll(
  admission: Pick<Admission, 'classify'>,
  work: EvalWork,
  options: {
    known: readonly EvalAnswer[]
    keep: (answers: readonly EvalAnswer[]) => Promise<void>
    signal: AbortSignal
  },
): Promise<Said[][]> {
  const { candidateModels, dataset, metric } = work
  const { known, keep, signal } = options
  const said: Said[][] = candidateModels.map(() => [])
  for (const { candidate, text, ...answer } of known) said[candidate]![text] = answer
  const failure = new AbortController()
  const either = AbortSignal.any([signal, failure.signal])
  let next = 0
  async function takeTurns(): Promise<void> {
    while (next < dataset.length && !either.aborted) {
      const text = next++
      const fresh: EvalAnswer[] = []
      for (const candidate of candidateModels.keys()) {
        if (said[candidate]![text]) continue
        const answer = await ask(admission, callOf(work, candidate, text, either))
        said[candidate]![text] = answer
        fresh.push({ candidate, text, ...answer })
      }
      if (fresh.length > 0) await keep(fresh)
    }
  }
  const turns = Array.from({ length: CALLS_AT_ONCE[metric] }, () =>
    takeTurns().catch((error: unknown) => {
      failure.abort(error)
      throw error
    }),
  )
  const [failed] = (await Promise.allSettled(turns)).filter((turn) => turn.status === 'rejected')
  signal.throwIfAborted()
  if (failed) throw failed.reason
  return said
}

function callOf(
  { id, call, candidateModels, dataset }: EvalWork,
  candidate: number,
  text: number,
  signal: AbortSignal,
) {
  const requestId = `${id}.${candidate}.${text}`
  return {
    ...call,
    requestId,
    // A process that died may have been charged for it.
    workId: requestId,
    model: candidateModels[candidate]!,
    inputs: [{ text: dataset[text]!.text }],
    cache: 'skip' as const,
    patience: PATIENCE,
    signal,
  }
}

/** @throws what would come again with every call; anything else is an answer that is missing */
async function ask(admission: Pick<Admission, 'classify'>, call: Call): Promise<Said> {
  for (const pauseMs of [...PAUSES_MS, undefined]) {
    const startedAt = performance.now()
    try {
      const { results, costMicros } = await admission.classify(call)
      return { label: topLabel(results[0]!.scores), costMicros, latencyMs: performance.now() - startedAt }
    } catch (thrown) {
      call.signal.throwIfAborted()
      const { code } = asValenceError(thrown)
      if (HOPELESS.has(code)) throw thrown
      if (!PASSES_AWAY.has(code) || pauseMs === undefined) break
      await setTimeout(pauseMs, undefined, { signal: call.signal })
    }
  }
  return { label: undefined, costMicros: 0, latencyMs: 0 }
}

function topLabel(scores: readonly { label: string; score: number }[]): string {
  return scores.toSorted((a, b) => b.score - a.score)[0]!.label
}
