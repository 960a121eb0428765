/** Where and how a text is cut that has too many tokens. */
export type TokenLimit = {
  /** the most ids, special tokens included, where that is fewer than the model reads */
  maxTokens?: number
  /**
   * which text of a pair gives way: the longer one as long as it is that, or one of them alone; where it is given, and no
   * length, texts are cut where the model's tokenizer usually cuts them
   */
  strategy?: 'longest_first' | 'only_first' | 'only_second'
  /** which end of a text is left out; the tokenizer's own where it is not given */
  side?: 'left' | 'right'
}

/**
 * How many tokens of each of two texts stay.
 *
 * @throws RangeError where the text that alone may give way is too short for that
 */
export function tokensKept(
  strategy: TokenLimit['strategy'],
  first: number,
  second: number,
  budget: number,
): [first: number, second: number] {
  if (strategy === undefined || strategy === 'longest_first') return longestFirst(first, second, budget)
  const kept: [number, number] =
    strategy === 'only_first' ? [Math.min(first, budget - second), second] : [first, Math.min(second, budget - first)]
  if (kept[0] < 0 || kept[1] < 0) throw new RangeError(`cutting ${strategy} leaves no room for the other text`)
  return kept
}

/**
 * How many tokens of each of two texts stay, by the strategy `longest_first` of the Rust library `tokenizers`: the longer
 * text gives way until both are equally long, then both do. Of an odd budget the longer text keeps one token more.
 *
 * @param budget tokens for both together
 */
function longestFirst(first: number, second: number, budget: number): [first: number, second: number] {
  if (first + second <= budget) return [first, second]
  const half = Math.floor(budget / 2)
  const shorter = Math.min(first, second)
  const [shorterKept, longerKept] = shorter <= half ? [shorter, budget - shorter] : [half, budget - half]
  return first > second ? [longerKept, shorterKept] : [shorterKept, longerKept]
}
