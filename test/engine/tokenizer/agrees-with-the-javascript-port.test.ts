import { Tokenizer as Port } from '@huggingface/tokenizers'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTokenizer } from '../../../src/engine/tokenizer/tokenizer.ts'
import { commonText } from './arbitrary-text.ts'
import { tokenizerJson } from './model-files.ts'

const port = new Port(tokenizerJson(), {})
const tokenizer = createTokenizer({ tokenizerJson: tokenizerJson() }, { maxTokens: 10_000 })

test('gives the ids of the JavaScript port for common text', () => {
  fc.assert(
    fc.property(commonText, (text) => {
      expect([...tokenizer.encode(text).ids]).toEqual(port.encode(text).ids)
    }),
    { numRuns: 1000 },
  )
})

test('gives the ids and type ids of the JavaScript port for a pair', () => {
  fc.assert(
    fc.property(commonText, commonText, (text, pair) => {
      // The port takes an empty second text for none at all.
      fc.pre(pair !== '')
      const expected = port.encode(text, { text_pair: pair, return_token_type_ids: true })
      const { ids, typeIds } = tokenizer.encode(text, pair)
      expect([...ids]).toEqual(expected.ids)
      expect([...typeIds]).toEqual(expected.token_type_ids)
    }),
    { numRuns: 300 },
  )
})
