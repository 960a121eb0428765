import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AppendText, WordPieceDefinition } from '../../../src/engine/tokenizer/definition.ts'
import { createTokenizer, tokenizerWith } from '../../../src/engine/tokenizer/tokenizer.ts'
import { readTokenizerJson } from '../../../src/engine/tokenizer/tokenizer-json.ts'
import { readUsage } from '../../../src/engine/tokenizer/usage.ts'
import { createWordPieceShortcut } from '../../../src/engine/tokenizer/wordpiece-shortcut.ts'
import { createWordPieceText } from '../../../src/engine/tokenizer/wordpiece-text.ts'
import { anyText } from './arbitrary-text.ts'
import { tokenizerJson } from './model-files.ts'
import { referenceEncodings } from './reference-encodings.ts'

const usual = readTokenizerJson(tokenizerJson()).text as WordPieceDefinition

/** Every set of options of the normalizer, each with a shortcut whose cache fills up from run to run. */
const variants = [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => {
  const normalisation = {
    lowercase: (bits & 1) !== 0,
    stripAccents: (bits & 2) !== 0,
    spaceChineseCharacters: (bits & 4) !== 0,
  }
  const definition = { ...usual, normalisation }
  return { normalisation, long: createWordPieceText(definition), short: createWordPieceShortcut(definition) }
})

/** Words that come again, next to whatever ends a word or does not. */
const repetitiveText = fc
  .array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom('movie', 'Movies', 'unaffable', 'x'.repeat(101), 'café', 'naïve', '漢字', 'É'),
      },
      {
        weight: 4,
        arbitrary: fc.constantFrom(' ', '\n', '\t', '  ', '.', ',', "'", '-', '[', '\u00a0', '\u3000', '。'),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          '\0',
          '\u007f',
          '\u200b',
          '\u0301',
          '\u0338',
          '\u302e',
          '\u1b44',
          '\ud800',
          '\udc00',
        ),
      },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) },
      { weight: 1, arbitrary: fc.string({ maxLength: 40 }) },
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''))

function idsOf(append: AppendText, text: string): number[] {
  const ids: number[] = []
  append(text, ids, Number.POSITIVE_INFINITY)
  return ids
}

test('gives the ids of the long way for any string, whatever came before', () => {
  fc.assert(
    fc.property(fc.oneof(anyText, repetitiveText), fc.constantFrom(...variants), (text, { long, short }) => {
      expect(idsOf(short, text)).toEqual(idsOf(long, text))
    }),
    { numRuns: 5000 },
  )
})

test('gives the ids of the long way for every reference text', () => {
  for (const { text } of referenceEncodings) {
    for (const { long, short } of variants) expect(idsOf(short, text)).toEqual(idsOf(long, text))
  }
})

test('stops at the budget with the ids of the whole, and says so as the long way does', () => {
  fc.assert(
    fc.property(repetitiveText, fc.constantFrom(...variants), fc.nat(40), (text, { long, short }, budget) => {
      const whole = idsOf(long, text)
      const ids: number[] = []
      short(text, ids, budget)
      expect(ids.length > budget).toBe(whole.length > budget)
      expect(ids).toEqual(whole.slice(0, ids.length))
      expect(ids.length).toBeGreaterThanOrEqual(Math.min(whole.length, budget + 1))
    }),
    { numRuns: 1000 },
  )
})

test('a tokenizer with the shortcut and one without give the same, special tokens in texts and pairs included', () => {
  const definition = readTokenizerJson(tokenizerJson())
  const tokenizers = [512, 16, 5].map((maxTokens) => ({
    short: createTokenizer({ tokenizerJson: tokenizerJson() }, { maxTokens }),
    long: tokenizerWith(createWordPieceText(usual), definition, maxTokens, readUsage(undefined, undefined)),
  }))
  const special = fc.constantFrom('[SEP]', '[CLS]', '[MASK]', '[sep]', '[', '')
  const text = fc.array(fc.tuple(special, repetitiveText), { maxLength: 4 }).map((parts) => parts.flat().join(''))
  fc.assert(
    fc.property(
      text,
      fc.option(text, { nil: undefined }),
      fc.constantFrom(...tokenizers),
      (first, second, { short, long }) => {
        expect(short.encode(first, second)).toEqual(long.encode(first, second))
      },
    ),
    { numRuns: 2000 },
  )
})
