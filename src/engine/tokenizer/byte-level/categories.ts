import { CATEGORY_RUNS } from './category-table.ts'

// What GPT-2's pattern asks of a character. The Rust library answers from Unicode tables of its own, so that no \p{L} of
// a JavaScript runtime agrees with it everywhere; category-table.ts holds the library's answer for every code point.

/** Whatever is none of the others: punctuation, symbols, marks, controls, lone surrogates. */
const OTHER = 0
export const SPACE = 1
const LETTER = 2
const NUMBER = 3

const CATEGORY_BY_LETTER: Readonly<Record<string, number>> = { O: OTHER, S: SPACE, L: LETTER, N: NUMBER }

/** The category of each code point, by index. */
export const categories: Readonly<Uint8Array> = readCategories()

function readCategories(): Uint8Array {
  const categories = new Uint8Array(0x110000)
  let next = 0
  for (const [, letter, length] of CATEGORY_RUNS.matchAll(/([A-Z])([0-9a-z]+)/g)) {
    const first = next
    next += Number.parseInt(length!, 36)
    categories.fill(CATEGORY_BY_LETTER[letter!]!, first, next)
  }
  return categories
}
