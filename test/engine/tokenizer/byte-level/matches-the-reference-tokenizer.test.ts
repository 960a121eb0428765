import { expect, test } from 'vitest'
import { createTokenizer, type Tokenizer } from '../../../../src/engine/tokenizer/tokenizer.ts'
import { type ReferenceEncoding, referenceEncodings, tokenizerJson } from './model-files.ts'

const tokenizers = new Map<string, Tokenizer>()

function tokenizerFor({ addPrefixSpace = false, maxTokens }: ReferenceEncoding): Tokenizer {
  const key = `${addPrefixSpace} ${maxTokens}`
  const tokenizer =
    tokenizers.get(key) ?? createTokenizer({ tokenizerJson: tokenizerJson({ addPrefixSpace }) }, { maxTokens })
  tokenizers.set(key, tokenizer)
  return tokenizer
}

// Twice, since the second time the words come from the cache.
test.each(['first', 'second'])(
  'gives the ids and truncation of the Rust library for every reference text the %s time',
  () => {
    for (const reference of referenceEncodings) {
      const { text, pair, maxTokens, truncated, ids, addPrefixSpace } = reference
      const sequence = tokenizerFor(reference).encode(text, pair)
      const found = { ids: [...sequence.ids], truncated: sequence.truncated }
      expect(found, JSON.stringify({ text, pair, maxTokens, addPrefixSpace })).toEqual({ ids, truncated })
      expect(sequence.typeIds).toEqual(new Int32Array(ids.length))
    }
  },
)

test('has reference texts for what it promises', () => {
  const count = (wanted: (one: ReferenceEncoding) => boolean) => referenceEncodings.filter(wanted).length
  expect(count((one) => one.maxTokens === 512 && one.pair === undefined && !one.addPrefixSpace)).toBeGreaterThan(500)
  expect(count((one) => one.addPrefixSpace === true)).toBeGreaterThan(150)
  for (const truncated of [true, false]) {
    expect(count((one) => one.pair !== undefined && one.truncated === truncated)).toBeGreaterThan(20)
    expect(count((one) => one.pair === undefined && one.truncated === truncated)).toBeGreaterThan(20)
  }
})
