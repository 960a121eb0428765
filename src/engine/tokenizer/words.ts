import { kinds, PUNCTUATION, SPACE } from './unicode.ts'

/**
 * Splits normalised text, given in blocks, at white space and around each punctuation character, as BertPreTokenizer does.
 *
 * @param longest a word of more characters than this may be yielded in part, but with more characters than this
 */
export function* wordsOf(blocks: Iterable<string>, longest: number): Generator<string> {
  // In code units, of which a character has at most two. Letting a longer word grow would only cost memory.
  const longestUnfinished = 2 * longest
  let unfinished = ''
  for (const block of blocks) {
    let start = 0
    let end = 0
    while (end < block.length) {
      const codePoint = block.codePointAt(end)!
      const size = codePoint > 0xffff ? 2 : 1
      const kind = kinds[codePoint]! & (SPACE | PUNCTUATION)
      if (kind !== 0) {
        const word = unfinished + block.slice(start, end)
        if (word !== '') yield word
        if (kind & PUNCTUATION) yield block.slice(end, end + size)
        unfinished = ''
        start = end + size
      }
      end += size
    }
    if (unfinished.length <= longestUnfinished) unfinished += block.slice(start)
  }
  if (unfinished !== '') yield unfinished
}
