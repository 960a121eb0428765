import { expect, test } from 'vitest'
import { createTokenizer, type Tokenizer } from '../../../src/engine/tokenizer/tokenizer.ts'
import { tokenizerJson } from './model-files.ts'
import { type ReferenceEncoding, referenceEncodings } from './reference-encodings.ts'

const uncased = tokenizerJson()
const cased = { ...uncased, normalizer: { ...uncased.normalizer, lowercase: false } }

const tokenizers = new Map<string, Tokenizer>()

function tokenizerFor({ lowercase = true, maxTokens }: ReferenceEncoding): Tokenizer {
  const key = `${lowercase} ${maxTokens}`
  const tokenizer =
    tokenizers.get(key) ?? createTokenizer({ tokenizerJson: lowercase ? uncased : cased }, { maxTokens })
  tokenizers.set(key, tokenizer)
  return tokenizer
}

test('gives the ids, type ids and truncation of the Rust library for every reference text', () => {
  for (const reference of referenceEncodings) {
    const { text, pair, maxTokens, truncated, ids, typeIds } = reference
    const sequence = tokenizerFor(reference).encode(text, pair)
    const found = { ids: [...sequence.ids], typeIds: sequence.typeIds.join(''), truncated: sequence.truncated }
    expect(found, JSON.stringify({ text, pair, maxTokens })).toEqual({ ids, typeIds, truncated })
  }
})

test('has reference texts for what it promises', () => {
  expect(
    referenceEncodings.filter(({ maxTokens, pair }) => maxTokens === 512 && pair === undefined).length,
  ).toBeGreaterThan(300)
  for (const truncated of [true, false]) {
    expect(referenceEncodings.some((one) => one.pair !== undefined && one.truncated === truncated)).toBe(true)
    expect(referenceEncodings.some((one) => one.pair === undefined && one.truncated === truncated)).toBe(true)
  }
})
