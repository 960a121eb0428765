import type { Classification, TextInput } from '../engine/engine.ts'
import type { Store } from '../store/store.ts'
import { insertStoredCall } from '../store/stored-calls.ts'

/** A call and its answer, as far as a replay needs them. */
export type CallToKeep = {
  accountId: string
  requestId: string
  /** the canonical id */
  model: string
  inputs: readonly TextInput[]
  activation: string | undefined
  results: readonly Classification[]
  costMicros: number
  latencyMs: number
}

/** Some pages of text; a list of texts is compared as well by an eval, which keeps nothing. */
const MAX_CHARACTERS = 32_768

/** Keeps calls whose senders want to replay them. */
export type CallKeeper = {
  /** @returns whether it is kept: not where its texts are too long together; the call succeeds without */
  keep(call: CallToKeep): Promise<boolean>
}

/**
 * @param options.days how long a call is kept; 0 keeps none
 * @param options.onFailure told why a call could not be kept
 */
export function createCallKeeper(options: {
  opening: Promise<Store>
  days: number
  onFailure: (error: unknown) => void
}): CallKeeper {
  return {
    async keep({ inputs, activation, results, latencyMs, ...call }) {
      if (options.days === 0 || charactersOf(inputs) > MAX_CHARACTERS) return false
      try {
        await insertStoredCall((await options.opening).db, {
          ...call,
          inputs: [...inputs],
          activation: activation ?? null,
          results: results.map(({ scores }) => scores),
          latencyMs: Math.round(latencyMs),
          keepDays: options.days,
        })
        return true
      } catch (error) {
        options.onFailure(error)
        return false
      }
    },
  }
}

function charactersOf(inputs: readonly TextInput[]): number {
  return inputs.reduce((sum, { text, pair = '' }) => sum + text.length + pair.length, 0)
}
