import type { Activation } from '../engine/activation.ts'
import type { Classification, Lane, TextInput } from '../engine/engine.ts'
import { ValenceError } from '../errors.ts'
import { UpstreamError } from './upstreams/request.ts'

/** By what a request wants its model's candidates tried. */
export type Routing = 'cost' | 'speed' | 'quality' | 'auto'

/** Texts to be answered. */
export type Question = {
  /** whose they are */
  accountId: string
  inputs: readonly TextInput[]
  activation: Activation | undefined
  /** where our weights answer: whether others go before; interactive where it is left out */
  lane?: Lane | undefined
  /** told of each text's tokens as soon as our weights have computed it */
  onComputed?: ((tokens: number) => void) | undefined
}

/** Somebody who can answer for a model. */
export type Candidate = {
  /** what answers: a model of this server, or `<upstream>:<its model>` */
  servedBy: string
  /** what its results are kept under: as much, and which weights of that name */
  weights: string
  /** whether these are weights of ours, which say the same every time */
  isLocal: boolean
  /** what a request costs the operator there, in micro-dollars */
  costMicros: number
  /** how good its answers are, from 0 to 1, as the operator says */
  quality: number
  /** how long a text takes of late; undefined before the first */
  latencyMs(): number | undefined
  /** whether its circuit is open */
  isResting(): boolean
  /** what it would read of a text; an estimate where it is not of this server */
  countTokens(text: string): number
  canAnswer(question: Pick<Question, 'inputs' | 'activation'>): boolean
  answer(question: Question, signal: AbortSignal): Promise<Classification[]>
}

/**
 * The candidates in the order in which they are tried. `auto` is the operator's order; whose latency is unknown is tried
 * first by `speed`, so that it becomes known; who rests comes last.
 */
export function inOrder(candidates: readonly Candidate[], routing: Routing): readonly Candidate[] {
  if (candidates.length < 2) return candidates
  const rank: Record<Routing, (candidate: Candidate) => number> = {
    auto: () => 0,
    cost: ({ costMicros }) => costMicros,
    speed: (candidate) => candidate.latencyMs() ?? 0,
    quality: ({ quality }) => -quality,
  }
  const of = rank[routing]
  return candidates.toSorted((a, b) => Number(a.isResting()) - Number(b.isResting()) || of(a) - of(b))
}

/**
 * Asks one after another until somebody answers.
 *
 * @throws ValenceError the last one's where all fail: `upstream_failed`, `timed_out`, `busy`, `internal`; at once what no
 *   other would answer differently; `invalid_request` where none has words for the question; the signal's reason
 */
export function firstAnswer(
  candidates: readonly Candidate[],
  question: Question,
  signal: AbortSignal,
  onFailure: (candidate: Candidate, error: unknown) => void,
): Promise<{ candidate: Candidate; results: Classification[] }> {
  /** @param last why the one before did not answer */
  function askFrom(index: number, last?: ValenceError): Promise<{ candidate: Candidate; results: Classification[] }> {
    const candidate = candidates[index]
    if (!candidate) return Promise.reject(last ?? nobodyTakesIt())
    if (!candidate.canAnswer(question)) return askFrom(index + 1, last)
    return candidate.answer(question, signal).then(
      (results) => ({ candidate, results }),
      (error: unknown) => {
        signal.throwIfAborted()
        if (!mayDiffer(error)) throw error
        if (!(error instanceof ValenceError && error.code === 'busy')) onFailure(candidate, error)
        return askFrom(index + 1, error instanceof ValenceError ? error : failed(error as UpstreamError))
      },
    )
  }
  return askFrom(0)
}

function nobodyTakesIt(): ValenceError {
  return new ValenceError(
    'invalid_request',
    'Nobody who answers for this model takes pairs of texts or this activation.',
  )
}

/** Whether another candidate might do better. */
function mayDiffer(error: unknown): boolean {
  return error instanceof UpstreamError || (error instanceof ValenceError && ['busy', 'internal'].includes(error.code))
}

function failed(cause: UpstreamError): ValenceError {
  return new ValenceError('upstream_failed', `Whoever answers for this model failed: ${cause.message}. Try again.`, {
    cause,
  })
}
