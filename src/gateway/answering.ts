import type { Classification, TextInput } from '../engine/engine.ts'
import type { CacheMode, ResultCache } from './cache.ts'
import { type Candidate, firstAnswer, inOrder, type Question, type Routing } from './candidates.ts'

/** Texts for a model, before it is known what has to be computed. */
export type CacheableQuestion = Question & { cache: CacheMode }

/** A question with what the cache knows of it, and who is to be asked for the rest. */
export type Lookup = CacheableQuestion & {
  /** in the order in which they are tried */
  candidates: readonly Candidate[]
  /** one a text; those that are not known are to be computed */
  known: readonly (Classification | undefined)[]
  missing: readonly TextInput[]
}

export type Outcome = {
  /** what answered: a model of this server, or `<upstream>:<its model>` */
  servedBy: string
  /** one a text */
  results: Classification[]
  /** those of the results that were computed for this call, which is all that it is charged for */
  computed: Classification[]
}

/** Gets results: what is kept from the cache, the rest from whoever answers for the model. */
export type Answering = {
  /** Finds what is known already; quick, and without a wait. */
  look(candidates: readonly Candidate[], routing: Routing, question: CacheableQuestion): Lookup
  /**
   * @param onComputed told of each text's tokens as soon as our weights have computed it
   * @throws ValenceError as `firstAnswer` and the engine do
   */
  complete(lookup: Lookup, signal: AbortSignal, onComputed?: (tokens: number) => void): Promise<Outcome>
}

/** @param options.onFailure told of each candidate that failed, whether or not another answered */
export function createAnswering(options: {
  cache: ResultCache
  onFailure: (candidate: Candidate, error: unknown) => void
}): Answering {
  const { cache, onFailure } = options

  /** A list is answered by one candidate as a whole, since two would judge by different measures. */
  function known(candidates: readonly Candidate[], question: CacheableQuestion): Pick<Lookup, 'candidates' | 'known'> {
    const { accountId, inputs, activation } = question
    const nothing = { candidates, known: inputs.map(() => undefined) }
    for (const candidate of candidates) {
      if (!keeps(candidate, question.cache)) continue
      const found = cache.find({ accountId, weights: candidate.weights, activation }, inputs)
      if (!found.includes(undefined) || candidates.length === 1) return { candidates: [candidate], known: found }
    }
    return nothing
  }

  function keep(
    { accountId, activation, missing, cache: mode }: Lookup,
    candidate: Candidate,
    computed: Classification[],
  ): void {
    if (!keeps(candidate, mode)) return
    const { weights } = candidate
    for (const [index, result] of computed.entries())
      cache.keep({ accountId, weights, activation }, missing[index]!, result)
  }

  return {
    look(candidates, routing, question) {
      const found = known(inOrder(candidates, routing), question)
      const { inputs } = question
      const isNew = found.known.every((result) => result === undefined)
      return {
        ...question,
        ...found,
        missing: isNew ? inputs : inputs.filter((_, at) => found.known[at] === undefined),
      }
    },
    complete(lookup, signal, onComputed) {
      const { candidates, known, missing, accountId, activation, lane } = lookup
      if (missing.length === 0) {
        const results = known as Classification[]
        return Promise.resolve({ servedBy: candidates[0]!.servedBy, results, computed: [] })
      }
      const question = { accountId, activation, lane, inputs: missing, onComputed }
      return firstAnswer(candidates, question, signal, onFailure).then(({ candidate, results }) => {
        keep(lookup, candidate, results)
        return outcomeOf(lookup, candidate, results)
      })
    },
  }
}

/** @param computed one for each text that was missing */
function outcomeOf({ known }: Lookup, { servedBy }: Candidate, computed: Classification[]): Outcome {
  const fresh = computed.values()
  return { servedBy, results: known.map((result) => result ?? fresh.next().value!), computed }
}

/** Weights of ours say the same again; another's answer is kept where the client says so. */
function keeps({ isLocal }: Candidate, mode: CacheMode): boolean {
  return mode === 'force' || (mode === 'auto' && isLocal)
}
