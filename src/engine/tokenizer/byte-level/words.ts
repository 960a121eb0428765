import { categories, SPACE } from './categories.ts'

const APOSTROPHE = 0x27
const BLANK = 0x20

/** Endings that are words of their own, in lower case only. */
const CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"]

/**
 * Where the word ends that begins at `start`, by GPT-2's pattern:
 *
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *
 * A word is a run of letters, of numbers or of other characters, with the blank before it; of several white spaces the
 * last stays for the next word. Every character is in some word.
 *
 * @param start below the length of the text
 */
export function endOfWord(text: string, start: number): number {
  if (text.charCodeAt(start) === APOSTROPHE) {
    const contraction = CONTRACTIONS.find((ending) => text.startsWith(ending, start))
    if (contraction !== undefined) return start + contraction.length
  }
  const hasBlank = text.charCodeAt(start) === BLANK && start + 1 < text.length && categoryAt(text, start + 1) !== SPACE
  const first = hasBlank ? start + 1 : start
  const category = categoryAt(text, first)
  const end = endOfRun(text, first, category)
  const leavesLast = category === SPACE && end < text.length && end - start > 1
  return leavesLast ? end - 1 : end
}

function endOfRun(text: string, start: number, category: number): number {
  let end = start
  while (end < text.length && categoryAt(text, end) === category) end += isPairAt(text, end) ? 2 : 1
  return end
}

function categoryAt(text: string, index: number): number {
  const unit = text.charCodeAt(index)
  return categories[isSurrogate(unit) ? text.codePointAt(index)! : unit]!
}

function isPairAt(text: string, index: number): boolean {
  return isSurrogate(text.charCodeAt(index)) && text.codePointAt(index)! > 0xffff
}

function isSurrogate(unit: number): boolean {
  return (unit & 0xf800) === 0xd800
}
