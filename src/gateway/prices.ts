import type { TextInput } from '../engine/engine.ts'

/** What a model costs, in whole micro-dollars. A list of texts is one request. */
export type Price = { perRequestMicros: number; perMillionTokensMicros: number }

export const FREE: Price = { perRequestMicros: 0, perMillionTokensMicros: 0 }

export type PriceList = {
  /** undefined is free */
  of(modelId: string): Price | undefined
}

export function createPriceList(prices: ReadonlyMap<string, Price>): PriceList {
  return {
    of(modelId) {
      const price = prices.get(modelId)
      const isFree = price === undefined || (price.perRequestMicros === 0 && price.perMillionTokensMicros === 0)
      return isFree ? undefined : price
    },
  }
}

const MILLION = 1_000_000

/** The cost of a call that read so many tokens; a part of a micro-dollar counts as a whole one. */
export function costMicros({ perRequestMicros, perMillionTokensMicros }: Price, tokens: number): number {
  return perRequestMicros + Math.ceil((perMillionTokensMicros * tokens) / MILLION)
}

/** Normalising may make four characters of one, and each may become a token; special tokens come on top. */
const MOST_TOKENS_PER_UNIT = 4
const MOST_SPECIAL_TOKENS = 8

/**
 * More than texts can cost, told without tokenising them.
 *
 * @param maxTokens what the model reads of a text at most
 */
export function highestCostMicros(price: Price, inputs: readonly TextInput[], maxTokens: number): number {
  const tokens = inputs.reduce((sum, { text, pair = '' }) => {
    const most = (text.length + pair.length) * MOST_TOKENS_PER_UNIT + MOST_SPECIAL_TOKENS
    return sum + Math.min(most, maxTokens)
  }, 0)
  return costMicros(price, tokens)
}
