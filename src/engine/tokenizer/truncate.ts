/**
 * How many tokens of each of two texts stay, by the strategy `longest_first` of the Rust library `tokenizers`: the longer
 * text gives way until both are equally long, then both do. Of an odd budget the longer text keeps one token more.
 *
 * @param budget tokens for both together
 */
export function longestFirst(first: number, second: number, budget: number): [first: number, second: number] {
  if (first + second <= budget) return [first, second]
  const half = Math.floor(budget / 2)
  const shorter = Math.min(first, second)
  const [shorterKept, longerKept] = shorter <= half ? [shorter, budget - shorter] : [half, budget - half]
  return first > second ? [longerKept, shorterKept] : [shorterKept, longerKept]
}
