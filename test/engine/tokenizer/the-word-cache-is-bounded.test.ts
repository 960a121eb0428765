import { expect, test } from 'vitest'
import type { AppendText } from '../../../src/engine/tokenizer/definition.ts'
import { rememberingWords } from '../../../src/engine/tokenizer/word-cache.ts'

/** More than the cache holds. */
const MANY = 100_000

/** Appends a word's length and first character, and notes which words it was asked for. */
function counted(): { asked: string[]; append: AppendText } {
  const asked: string[] = []
  const append: AppendText = (word, ids) => {
    asked.push(word)
    if (word !== '') ids.push(word.length, word.charCodeAt(0))
  }
  return { asked, append }
}

function idsOf(append: AppendText, word: string): number[] {
  const ids: number[] = [7]
  append(word, ids, 1000)
  return ids
}

test('a word is computed once', () => {
  const { asked, append } = counted()
  const remembering = rememberingWords(append)
  for (const word of ['movie', 'film', 'movie', 'x', 'movie']) {
    expect(idsOf(remembering, word)).toEqual([7, word.length, word.charCodeAt(0)])
  }
  expect(asked).toEqual(['movie', 'film', 'x'])
})

test('words that nobody asks for any more are forgotten, others are not', () => {
  const { asked, append } = counted()
  const remembering = rememberingWords(append)
  idsOf(remembering, 'once')
  for (let n = 0; n < MANY; n++) {
    idsOf(remembering, `w${n}`)
    if (n % 1000 === 0) idsOf(remembering, 'often')
  }
  idsOf(remembering, 'once')
  expect(asked.filter((word) => word === 'once')).toHaveLength(2)
  expect(asked.filter((word) => word === 'often')).toHaveLength(1)
  // What was asked for last is there; that much is never more than 65,536.
  asked.length = 0
  for (let n = MANY - 1; n >= 0; n--) idsOf(remembering, `w${n}`)
  expect(MANY - asked.length).toBeGreaterThan(30_000)
  expect(MANY - asked.length).toBeLessThanOrEqual(65_536)
})

test('long words are not kept, and may stop at the budget', () => {
  const { asked, append } = counted()
  const remembering = rememberingWords(append)
  const long = 'a'.repeat(33)
  for (const word of [long, long, long.slice(1), long.slice(1)]) idsOf(remembering, word)
  expect(asked).toEqual([long, long, long.slice(1)])
})

test('two caches share nothing', () => {
  const one = rememberingWords((_, ids) => ids.push(1))
  const other = rememberingWords((_, ids) => ids.push(2))
  expect([idsOf(one, 'a'), idsOf(other, 'a'), idsOf(one, 'a')]).toEqual([
    [7, 1],
    [7, 2],
    [7, 1],
  ])
})
