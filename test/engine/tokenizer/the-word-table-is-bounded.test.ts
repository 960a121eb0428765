import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createWordTable, type WordTable } from '../../../src/engine/tokenizer/word-table.ts'

/** More than the table holds. */
const MANY = 200_000

/** A table whose words have as many ids as they begin with digits say, one where there is none, and what it was asked for. */
function counted(): { asked: string[]; table: WordTable } {
  const asked: string[] = []
  const table = createWordTable((word, ids) => {
    asked.push(word)
    ids.push(...meant(word))
  })
  return { asked, table }
}

function meant(word: string): number[] {
  return Array.from({ length: Number(/^\d/.exec(word)?.[0] ?? 1) }, (_, index) => word.length + 100 * index)
}

/** In the middle of a text, after other ids. */
function idsOf(table: WordTable, word: string): number[] {
  const ids = [7]
  table.append(`é ${word}!`, 2, 2 + word.length, ids)
  return ids
}

test('a word is computed once, however many ids up to 6 it has; with more it is computed each time', () => {
  const { asked, table } = counted()
  for (const word of [
    'movie',
    'Movie',
    '0none',
    '6six',
    'movie',
    '7seven',
    'a',
    '6six',
    '7seven',
    '0none',
    'a',
    'Movie',
  ]) {
    expect(idsOf(table, word)).toEqual([7, ...meant(word)])
  }
  expect(asked).toEqual(['movie', 'Movie', '0none', '6six', '7seven', 'a', '7seven'])
})

test('words of more than 32 letters are not kept', () => {
  const { asked, table } = counted()
  const long = 'a'.repeat(33)
  for (const word of [long, long, long.slice(1), long.slice(1)]) idsOf(table, word)
  expect(asked).toEqual([long, long, long.slice(1)])
})

test('words that nobody asks for any more are forgotten', () => {
  const { asked, table } = counted()
  for (let n = 0; n < MANY; n++) idsOf(table, `w${n}`)
  asked.length = 0
  for (let n = 0; n < MANY; n++) idsOf(table, `w${n}`)
  const kept = MANY - asked.length
  // The second time round each word pushes out one that comes later, so few are found; they are found at all, and are no more than there is room for.
  expect(kept).toBeGreaterThan(0)
  expect(kept).toBeLessThanOrEqual(65_536)
  asked.length = 0
  for (let n = MANY - 20_000; n < MANY; n++) idsOf(table, `w${n}`)
  // Most of what came last is there; two words that share a place with one that came later are not.
  expect(asked.length).toBeLessThan(10_000)
})

test('thousands of words have room beside each other', () => {
  const { asked, table } = counted()
  const words = Array.from({ length: 4000 }, (_, n) => `w${n}`)
  for (const word of words) idsOf(table, word)
  asked.length = 0
  for (const word of words) idsOf(table, word)
  // Three in one place are rare.
  expect(asked.length).toBeLessThan(100)
})

test('any words have their own ids, in any order', () => {
  const word = fc.stringMatching(/^[0-5]?[a-cA-C]{1,34}$/)
  fc.assert(
    fc.property(fc.array(word, { maxLength: 200 }), (words) => {
      const { table } = counted()
      for (const each of [...words, ...words]) expect(idsOf(table, each)).toEqual([7, ...meant(each)])
    }),
    { numRuns: 50 },
  )
})

test('two tables share nothing', () => {
  const one = createWordTable((_, ids) => ids.push(1))
  const other = createWordTable((_, ids) => ids.push(2))
  expect([idsOf(one, 'a'), idsOf(other, 'a'), idsOf(one, 'a')]).toEqual([
    [7, 1],
    [7, 2],
    [7, 1],
  ])
})
