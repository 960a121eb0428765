import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { endOfWord } from '../../../../src/engine/tokenizer/byte-level/words.ts'

const BLOCK = 2048
const HASH_LENGTH = 8

const [hashes] = JSON.parse(readFileSync(new URL('fixtures/code-points.json', import.meta.url), 'utf8')) as [string]

/** The text that fixtures/make-fixtures.py gives to the Rust library for the same code points. */
function textOf(firstCodePoint: number): string {
  const parts: string[] = []
  for (let codePoint = firstCodePoint; codePoint < firstCodePoint + BLOCK; codePoint++) {
    if (codePoint >= 0xd800 && codePoint <= 0xdfff) continue
    const c = String.fromCodePoint(codePoint)
    parts.push(`a${c}b1${c}2!${c}?'${c}'s${c} ${c}  ${c}${c}x${c} \n${c}`)
  }
  return parts.join('\t')
}

function wordsOf(text: string): string[] {
  const words: string[] = []
  for (let start = 0; start < text.length; start += words.at(-1)!.length) {
    words.push(text.slice(start, endOfWord(text, start)))
  }
  return words
}

test('cuts texts into the words of the Rust library', () => {
  const texts = JSON.parse(readFileSync(new URL('fixtures/words.json', import.meta.url), 'utf8')) as string[][]
  expect(texts.length).toBeGreaterThan(250)
  for (const words of texts) expect(wordsOf(words.join(''))).toEqual(words)
})

test('cuts a text with any character into the words of the Rust library', { timeout: 120_000 }, () => {
  const differing: string[] = []
  for (let first = 0, index = 0; first <= 0x10ffff; first += BLOCK, index++) {
    const expected = hashes.slice(index * HASH_LENGTH, (index + 1) * HASH_LENGTH)
    const words = wordsOf(textOf(first)).join('\u0001')
    const found = createHash('sha256').update(words).digest('hex').slice(0, HASH_LENGTH)
    if (found !== expected) differing.push(`U+${first.toString(16)}`)
  }
  expect(hashes.length / HASH_LENGTH).toBe(0x110000 / BLOCK)
  expect(differing).toEqual([])
})
