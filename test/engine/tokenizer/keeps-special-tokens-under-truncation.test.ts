import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTokenizer } from '../../../src/engine/tokenizer/tokenizer.ts'
import { anyText } from './arbitrary-text.ts'
import { tokenizerJson } from './model-files.ts'

const CLS = 101
const SEP = 102
const json = tokenizerJson()
const limits = [3, 4, 5, 6, 10, 33]
const tokenizers = limits.map((maxTokens) => createTokenizer({ tokenizerJson: json }, { maxTokens }))
const unlimited = createTokenizer({ tokenizerJson: json }, { maxTokens: 100_000 })
const anyTokenizer = fc.constantFrom(...tokenizers)

test('a text begins with [CLS], ends with [SEP] and has no more than maxTokens ids', () => {
  fc.assert(
    fc.property(anyText, anyTokenizer, (text, tokenizer) => {
      const { ids } = tokenizer.encode(text)
      expect(ids.length).toBeLessThanOrEqual(tokenizer.maxTokens)
      expect([ids[0], ids.at(-1)]).toEqual([CLS, SEP])
    }),
  )
})

test('a truncated text is the beginning of the whole, and says that it is truncated', () => {
  fc.assert(
    fc.property(anyText, anyTokenizer, (text, tokenizer) => {
      const whole = unlimited.encode(text)
      const { ids, truncated } = tokenizer.encode(text)
      expect(truncated).toBe(whole.ids.length > tokenizer.maxTokens)
      expect(ids.slice(0, -1)).toEqual(whole.ids.slice(0, ids.length - 1))
      expect(ids.length).toBe(Math.min(whole.ids.length, tokenizer.maxTokens))
    }),
  )
})

test('a pair keeps its three special tokens, fills maxTokens and says that it is truncated', () => {
  fc.assert(
    fc.property(anyText, anyText, anyTokenizer, (text, pair, tokenizer) => {
      const whole = unlimited.encode(text, pair)
      const { ids, typeIds, truncated } = tokenizer.encode(text, pair)
      expect(truncated).toBe(whole.ids.length > tokenizer.maxTokens)
      expect(ids.length).toBe(Math.min(whole.ids.length, tokenizer.maxTokens))
      const secondStart = typeIds.indexOf(1)
      expect([ids[0], ids[secondStart - 1], ids.at(-1)]).toEqual([CLS, SEP, SEP])
    }),
  )
})

test('what leaves no token is no truncation', () => {
  const tokenizer = tokenizers[1]!
  for (const rest of [' ', '\u200b', '\0\u0301', ' '.repeat(5000), '\n\u3000\ue000']) {
    expect(tokenizer.encode(`two words${rest}`).truncated).toBe(false)
    expect(tokenizer.encode(`two words${rest}.`).truncated).toBe(true)
  }
})

test('of an odd budget that each text of a pair exceeds, the second text has the token left over', () => {
  const tokenizer = createTokenizer({ tokenizerJson: json }, { maxTokens: 8 })
  const { typeIds } = tokenizer.encode('a '.repeat(20), 'b '.repeat(10))
  expect(typeIds.join('')).toBe('00001111')
})

test('refuses a limit without room for the special tokens', () => {
  for (const maxTokens of [2, 0, -1, 3.5, Number.NaN]) {
    expect(() => createTokenizer({ tokenizerJson: json }, { maxTokens })).toThrow(/maxTokens is/)
  }
})
