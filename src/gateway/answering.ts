import type { Activation } from '../engine/activation.ts'
import type { Classification, Engine, TextInput } from '../engine/engine.ts'
import type { CacheMode, ResultCache } from './cache.ts'
import { createLatency } from './latency.ts'
import type { ModelDirectory, ModelStatus } from './models.ts'

/** This server's own weights, among those who answer. */
const LOCAL_PROVIDER = 'local'

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

/** How somebody who answers is. */
export type ProviderHealth = {
  /** `local` for this server's own weights */
  name: string
  status: 'healthy' | 'degraded' | 'down'
  /** of late, for a text */
  latencyMs: number | undefined
  circuit: 'closed' | 'open' | 'half_open'
  models: readonly string[]
}

/** Gets results: what is kept from the cache, the rest from whoever answers for the model. */
export type Answering = {
  /** Finds what is known already; quick, and without a wait. */
  look(model: ModelStatus & { servedBy: string }, question: Question): Lookup
  /** @throws ValenceError as the engine does */
  complete(lookup: Lookup, signal: AbortSignal): Promise<Outcome>
  providers(): ProviderHealth[]
}

export function createAnswering(options: { engine: Engine; directory: ModelDirectory; cache: ResultCache }): Answering {
  const { engine, directory, cache } = options
  const latency = createLatency()

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
      const startedAt = performance.now()
      const computed = await engine.classify(servedBy, missing, { activation, signal, sharedAmong })
      latency.took(performance.now() - startedAt, missing.length)
      if (mode !== 'skip') {
        for (const [index, result] of computed.entries())
          cache.keep({ accountId, servedBy, activation }, missing[index]!, result)
      }
      const fresh = computed.values()
      return { servedBy, results: known.map((result) => result ?? fresh.next().value!), computed }
    },
    providers: () => [
      {
        name: LOCAL_PROVIDER,
        status: engine.canRun() ? 'healthy' : 'down',
        latencyMs: latency.ms(),
        circuit: 'closed',
        models: directory.list().flatMap(({ model, servedBy }) => (servedBy === undefined ? [] : [model.id])),
      },
    ],
  }
}
