import type { AppendText } from './definition.ts'

/**
 * Words that each of the two generations holds: 65,536 in all. By Zipf's law that is plenty (2,000 film reviews have
 * 31,000 distinct words, half of them once), and with strings and ids it stays within WORD_CACHE_BYTES.
 */
const GENERATION = 32_768

/** What all of them take, as measured on reviews. */
export const WORD_CACHE_BYTES = 10_000_000

/** In UTF-16 units. Longer words are rare and seldom come twice, and to keep them would be to store whole texts. */
const LONGEST_WORD = 32

/**
 * Makes `appendText` remember the words that it was given last: a word's ids are computed once, and then looked up.
 *
 * When a generation is full it becomes the old one, and what nobody asks for while the next fills up is forgotten. So
 * the cache is bounded, and cannot be filled for good with words that nobody else writes.
 *
 * @param appendText must depend on nothing but the text
 */
export function rememberingWords(appendText: AppendText): AppendText {
  let young = new Map<string, number | readonly number[]>()
  let old: typeof young = new Map()

  /** Finds a word's ids among the old, or computes them, and keeps them with the young. */
  function idsOf(word: string): number | readonly number[] {
    const found = old.get(word) ?? computedIds(appendText, word)
    if (young.size === GENERATION) {
      old = young
      young = new Map()
    }
    young.set(copyOf(word), found)
    return found
  }

  return (word, ids, budget) => {
    if (word.length > LONGEST_WORD) return appendText(word, ids, budget)
    const found = young.get(word) ?? idsOf(word)
    if (typeof found === 'number') ids.push(found)
    else for (const id of found) ids.push(id)
  }
}

/** Most words have one id, which needs no array. */
function computedIds(appendText: AppendText, word: string): number | readonly number[] {
  const ids: number[] = []
  appendText(word, ids, Number.POSITIVE_INFINITY)
  return ids.length === 1 ? ids[0]! : ids
}

/**
 * The word in memory of its own. V8 keeps a slice as a reference to the whole string that it was cut from, which for a
 * word of a text would be the text, and here is the word with one character more.
 */
function copyOf(word: string): string {
  return `${word} `.slice(0, -1)
}
