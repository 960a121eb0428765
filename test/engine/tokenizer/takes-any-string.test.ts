import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTokenizer } from '../../../src/engine/tokenizer/tokenizer.ts'
import { anyText } from './arbitrary-text.ts'
import { tokenizerJson } from './model-files.ts'

const json = tokenizerJson()
const tokenizer = createTokenizer({ tokenizerJson: json }, { maxTokens: 512 })

test('gives ids of the vocabulary for any string', () => {
  const size = Object.keys(json.model.vocab).length
  fc.assert(
    fc.property(anyText, (text) => {
      const { ids, typeIds } = tokenizer.encode(text)
      expect(ids.every((id) => id >= 0 && id < size)).toBe(true)
      expect(typeIds).toEqual(new Int32Array(ids.length))
    }),
  )
})

test('drops a lone surrogate, and keeps a pair together wherever a block ends', () => {
  expect(tokenizer.encode('mo\ud800vi\udc00es').ids).toEqual(tokenizer.encode('movies').ids)
  expect(tokenizer.encode('mo\udc00\ud800vies').ids).toEqual(tokenizer.encode('movies').ids)
  for (let length = 505; length < 520; length++) {
    const spaces = ' '.repeat(length)
    expect(tokenizer.encode(`${spaces}a😀b é`).ids).toEqual(tokenizer.encode('a😀b é').ids)
    expect(tokenizer.encode(`${spaces}a\u302e\u1b44b é`).ids).toEqual(tokenizer.encode('a\u1b44\u302eb é').ids)
  }
})

const MEGA = 1_000_000

// The bound is some ten times what each takes on a slow machine: it is there to catch quadratic time.
test.each([
  ['spaces', ' '.repeat(MEGA), false],
  ['one word', 'a'.repeat(MEGA), false],
  ['one word beyond ASCII', 'é'.repeat(MEGA), false],
  ['ordinary text', 'the quick brown fox '.repeat(MEGA / 20), true],
  ['combining marks', '\u0301'.repeat(MEGA), false],
  ['combining marks that are sorted', '\u302e\u1b44'.repeat(MEGA / 2), false],
  ['Chinese', '漢'.repeat(MEGA), true],
  ['opening brackets', '['.repeat(MEGA), true],
  ['special tokens', '[SEP]'.repeat(MEGA / 5), true],
  ['lone surrogates', '\ud800'.repeat(MEGA), false],
])('a million characters of %s take bounded time', (_, text, truncated) => {
  const start = performance.now()
  expect(tokenizer.encode(text).truncated).toBe(truncated)
  expect(performance.now() - start).toBeLessThan(3000)
})
