import { KEPT_MARKS, KIND_RUNS, KINDS_BY_LETTER } from './unicode-table.ts'

// What the reference tokenizer (the Rust library `tokenizers`) does with a code point, as a set of bits. The models were
// trained behind its Unicode tables, which are of several ages and none of which is that of a JavaScript runtime: \p{P}
// in Node 24 has 141 characters that the library does not count as punctuation. So nothing here asks the runtime for a
// category; unicode-table.ts holds the library's own answer for every code point.
//
// Two things are still the runtime's. A canonical decomposition, once there, never changes (Unicode's stability policy),
// and DECOMPOSES says which characters have one. Lower case may be newer or older than the library's, which matters
// only for letters that no published vocabulary holds.

/** Removed by clean_text: control and format characters, private use, U+FFFD, and lone surrogates. */
export const DROPPED = 1
/** White space, which ends a word. */
export const SPACE = 2
/** Punctuation, each character of which is a word of its own. */
export const PUNCTUATION = 4
/** A nonspacing mark, removed where accents are stripped. */
export const MARK = 8
/** A Chinese character in the sense of BERT (no Hangul, no kana): a word of its own. */
export const CHINESE = 16
/** Has a canonical decomposition. */
export const DECOMPOSES = 32
/** Takes part in canonical ordering: what stands before it may change places with it. */
export const COMBINING = 64

const CODE_POINTS = 0x110000

/** The kind of each code point, by index. */
export const kinds: Readonly<Uint8Array> = readKinds()

/** The canonical combining class of each mark that is kept where accents are stripped, by code point. */
export const keptMarkClass: ReadonlyMap<number, number> = readKeptMarks()

/** The combining classes that kept marks have, in ascending order. */
export const keptMarkClasses: readonly number[] = [...new Set(keptMarkClass.values())].toSorted((a, b) => a - b)

function readKinds(): Uint8Array {
  const kinds = new Uint8Array(CODE_POINTS)
  let next = 0
  for (const [, letter, length] of KIND_RUNS.matchAll(/([A-Z])([0-9a-z]+)/g)) {
    const first = next
    next += Number.parseInt(length!, 36)
    kinds.fill(KINDS_BY_LETTER[letter!]!, first, next)
  }
  return kinds
}

function readKeptMarks(): Map<number, number> {
  const classes = new Map<number, number>()
  for (const [first, last, combiningClass] of KEPT_MARKS) {
    for (let codePoint = first; codePoint <= last; codePoint++) classes.set(codePoint, combiningClass)
  }
  return classes
}
