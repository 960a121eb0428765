import { COMBINING, DROPPED, kinds } from './unicode.ts'

/** In UTF-16 code units: above most sentences, and far below the first 512 tokens of a long text. */
const BLOCK_LENGTH = 512

/**
 * Cuts a text into blocks that can be normalised one by one, so that a long text is normalised only as far as it is read.
 *
 * A block is longer than BLOCK_LENGTH only where a cut would part what belongs together.
 */
export function* blocksOf(text: string): Generator<string> {
  let start = 0
  while (start < text.length) {
    let end = start + BLOCK_LENGTH
    while (end < text.length && !mayCutBefore(text, end)) end++
    yield text.slice(start, end)
    start = end
  }
}

// Marks are ordered within their run, and what cleaning drops does not end a run. The second half of a surrogate pair
// reads as a lone surrogate, which is dropped, so that no pair is cut either.
function mayCutBefore(text: string, index: number): boolean {
  return (kinds[text.codePointAt(index)!]! & (DROPPED | COMBINING)) === 0
}
