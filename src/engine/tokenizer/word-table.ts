/**
 * Words of ASCII letters and digits with their ids, in a table of numbers: a word is looked up where it stands in its text, without
 * a string of its own, and lies in one cache line. Between two packs the caches are full of weights, so that each word in a Map,
 * which is three or four places in memory, costs half a microsecond.
 */
export type WordTable = {
  /** Appends the ids of the word from `start` to before `end` of a text; it has a letter at least. */
  append(text: string, start: number, end: number, ids: number[]): void
}

/** A slot has 16 numbers: the word's hash, its length and how many ids it has, up to 6 ids, up to 32 letters, four in a number. */
const SLOT_NUMBERS = 16
const ABOUT = 1
const FIRST_ID = 2
const MOST_IDS = 6
const FIRST_LETTERS = 8

/** Longer words are rare and seldom come twice. */
const LONGEST_WORD = 32

/** By Zipf's law that is plenty (2,000 film reviews have 31,000 distinct words, half of them once): a power of two. */
const SLOTS = 65_536

/** What the table takes when it is full. */
export const WORD_TABLE_BYTES = SLOTS * SLOT_NUMBERS * Int32Array.BYTES_PER_ELEMENT

/**
 * A word has two slots where it may be, of which the first has what came last: what comes there moves to the second, and what was
 * there is forgotten. So the table is bounded, and cannot be filled for good with words that nobody else writes.
 *
 * @param appendWord computes a word's ids, which must depend on nothing but the word
 */
export function createWordTable(appendWord: (word: string, ids: number[]) => void): WordTable {
  const table = new Int32Array(SLOTS * SLOT_NUMBERS)
  const letters = new Int32Array(LONGEST_WORD / 4)

  /** Puts four letters into each number, zero where there are none, and returns a hash of them all. */
  function readLetters(text: string, start: number, end: number): number {
    let hash = end - start
    for (let at = start, number = 0; at < end; number++) {
      let four = 0
      for (let shift = 0; shift < 32 && at < end; shift += 8) four |= text.charCodeAt(at++) << shift
      letters[number] = four
      // Knuth's multiplicative hash, by the golden ratio.
      hash = Math.imul(hash ^ four, 0x9e3779b1)
      hash ^= hash >>> 15
    }
    return hash
  }

  function isIn(slot: number, hash: number, length: number): boolean {
    if (table[slot] !== hash || table[slot + ABOUT]! >> 8 !== length) return false
    for (let number = 0; 4 * number < length; number++) {
      if (table[slot + FIRST_LETTERS + number] !== letters[number]) return false
    }
    return true
  }

  function keep(slot: number, hash: number, length: number, ids: readonly number[], firstId: number): void {
    const isEmpty = table[slot + ABOUT] === 0
    if (!isEmpty) table.copyWithin(slot ^ SLOT_NUMBERS, slot, slot + SLOT_NUMBERS)
    const count = ids.length - firstId
    table[slot] = hash
    table[slot + ABOUT] = (length << 8) | count
    for (let index = 0; index < count; index++) table[slot + FIRST_ID + index] = ids[firstId + index]!
    for (let number = 0; 4 * number < length; number++) table[slot + FIRST_LETTERS + number] = letters[number]!
  }

  return {
    append(text, start, end, ids) {
      const length = end - start
      if (length > LONGEST_WORD) {
        appendWord(text.slice(start, end), ids)
        return
      }
      const hash = readLetters(text, start, end)
      const first = (hash & (SLOTS - 1)) * SLOT_NUMBERS
      const slot = isIn(first, hash, length) ? first : first ^ SLOT_NUMBERS
      if (slot === first || isIn(slot, hash, length)) {
        const count = table[slot + ABOUT]! & 0xff
        for (let index = 0; index < count; index++) ids.push(table[slot + FIRST_ID + index]!)
        return
      }
      const firstId = ids.length
      appendWord(text.slice(start, end), ids)
      if (ids.length - firstId <= MOST_IDS) keep(first, hash, length, ids, firstId)
    },
  }
}
