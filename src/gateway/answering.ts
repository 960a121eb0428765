import type { Activation } from '../engine/activation.ts'
import type { Classification, Engine, TextInput } from '../engine/engine.ts'
import type { CacheMode, ResultCache } from './cache.ts'
import type { ModelStatus } from './models.ts'

/** Texts for a model, before it is known what has to be computed. */
export type Question = {
  /** whose cache may answer */
  accountId: string
  inputs: readonly TextInput[]
  activation: Activation | undefined
  cache: CacheMode
}

/** A question with what the cache knows of it. */
export type Lookup = Question & {
  servedBy: string
  /** one a text; those that are not known are to be computed */
  known: readonly (Classification | undefined)[]
  missing: readonly TextInput[]
}

export type Outcome = {
  /** the id of the model whose weights answered */
  servedBy: string
  /** one a text */
  results: Classification[]
  /** those of the results that were computed for this call, which is all that it is charged for */
  computed: Classification[]
}

/** Gets results: what is kept from the cache, the rest from whoever answers for the model. */
export type Answering = {
  /** Finds what is known already; quick, and without a wait. */
  look(model: ModelStatus & { servedBy: string }, question: Question): Lookup
  /** @throws ValenceError as the engine does */
  complete(lookup: Lookup, signal: AbortSignal): Promise<Outcome>
}

export function createAnswering({ engine, cache }: { engine: Engine; cache: ResultCache }): Answering {
  return {
    look({ servedBy }, question) {
      const { accountId, inputs, activation } = question
      const known =
        question.cache === 'skip'
          ? inputs.map(() => undefined)
          : cache.find({ accountId, servedBy, activation }, inputs)
      return { ...question, servedBy, known, missing: inputs.filter((_, index) => known[index] === undefined) }
    },
    async complete({ accountId, servedBy, activation, cache: mode, known, missing }, signal) {
      if (missing.length === 0) return { servedBy, results: known as Classification[], computed: [] }
      const sharedAmong = cache.sharedAmong(accountId)
      const computed = await engine.classify(servedBy, missing, { activation, signal, sharedAmong })
      if (mode !== 'skip') {
        for (const [index, result] of computed.entries())
          cache.keep({ accountId, servedBy, activation }, missing[index]!, result)
      }
      const fresh = computed.values()
      return { servedBy, results: known.map((result) => result ?? fresh.next().value!), computed }
    },
  }
}
