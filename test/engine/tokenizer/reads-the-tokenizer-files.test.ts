import { expect, test } from 'vitest'
import { createTokenizer } from '../../../src/engine/tokenizer/tokenizer.ts'
import { tokenizerJson, vocabText } from './model-files.ts'
import { referenceEncodings } from './reference-encodings.ts'

const options = { maxTokens: 512 }
const usual = tokenizerJson()

function idsWith(files: Parameters<typeof createTokenizer>[0], text: string): number[] {
  return [...createTokenizer(files, options).encode(text).ids]
}

test('vocab.txt with tokenizer_config.json gives what tokenizer.json gives', () => {
  const fromVocabulary = createTokenizer({ vocabText: vocabText(), config: { do_lower_case: true } }, options)
  const fromJson = createTokenizer({ tokenizerJson: usual }, options)
  for (const { text, pair } of referenceEncodings) {
    expect(fromVocabulary.encode(text, pair)).toEqual(fromJson.encode(text, pair))
  }
})

test('vocab.txt may have Windows line ends, and the config special tokens as objects', () => {
  const files = {
    vocabText: vocabText().replaceAll('\n', '\r\n'),
    config: { cls_token: { content: '[CLS]' }, tokenizer_class: 'BertTokenizerFast' },
  }
  expect(idsWith(files, 'Good [MASK]')).toEqual(idsWith({ tokenizerJson: usual }, 'Good [MASK]'))
})

test('a cased model keeps case and accents', () => {
  const cased = { ...usual, normalizer: { ...usual.normalizer, lowercase: false } }
  for (const files of [{ tokenizerJson: cased }, { vocabText: vocabText(), config: { do_lower_case: false } }]) {
    expect(idsWith(files, 'good GOOD')).toEqual([101, 2204, 100, 102])
  }
})

test('strip_accents goes before what lowercase implies', () => {
  const keeping = { ...usual, normalizer: { ...usual.normalizer, strip_accents: false } }
  expect(idsWith({ tokenizerJson: usual }, 'É')).toEqual(idsWith({ tokenizerJson: usual }, 'e'))
  expect(idsWith({ tokenizerJson: keeping }, 'É')).toEqual(idsWith({ tokenizerJson: keeping }, 'é'))
  expect(idsWith({ tokenizerJson: keeping }, 'É')).not.toEqual(idsWith({ tokenizerJson: keeping }, 'e'))
})

test('truncation and padding in tokenizer.json are not heeded', () => {
  const padded = { ...usual, truncation: { max_length: 4 }, padding: { strategy: { Fixed: 128 } } }
  expect(idsWith({ tokenizerJson: padded }, 'a b c d e')).toEqual(idsWith({ tokenizerJson: usual }, 'a b c d e'))
})

test.each([
  [
    'Unigram',
    { model: { type: 'Unigram', vocab: [] } },
    /model\.type is "Unigram"; only "WordPiece" and byte-level "BPE"/,
  ],
  [
    'a normalizer before BPE',
    { model: { type: 'BPE', vocab: {}, merges: [] } },
    /normalizer is \{.*; only null is supported/,
  ],
  ['another normalizer', { normalizer: { type: 'NFC' } }, /normalizer\.type is "NFC"; only "BertNormalizer"/],
  ['no normalizer', { normalizer: null }, /normalizer is null; an object was expected/],
  ['no cleaning', { normalizer: { ...usual.normalizer, clean_text: false } }, /clean_text is false; only true/],
  ['another pre-tokenizer', { pre_tokenizer: { type: 'ByteLevel' } }, /pre_tokenizer\.type is "ByteLevel"/],
  ['another post-processor', { post_processor: { type: 'BertProcessing' } }, /only "TemplateProcessing"/],
  ['no unknown token', { model: { ...usual.model, unk_token: '<unk>' } }, /"<unk>", which model\.vocab does not have/],
  ['an id that is no id', { model: { ...usual.model, vocab: { a: -1 } } }, /model\.vocab\["a"\] is -1/],
  [
    'a token that takes in the white space after it',
    { added_tokens: [{ content: 'x', rstrip: true, single_word: false }] },
    /rstrip/,
  ],
  [
    'a normalized token',
    { added_tokens: [{ content: 'x', id: 5, lstrip: false, rstrip: false, single_word: false, normalized: true }] },
    /"x" is normalized/,
  ],
])('refuses a tokenizer.json with %s', (_, change, message) => {
  expect(() => createTokenizer({ tokenizerJson: { ...usual, ...change } }, options)).toThrow(message)
})

test.each([
  ['another class', { tokenizer_class: 'MPNetTokenizer' }, /tokenizer_class is "MPNetTokenizer"; .* BertTokenizer/],
  ['a special token that is not in it', { cls_token: '<s>' }, /cls_token is "<s>", which vocab\.txt does not have/],
  ['no splitting into words', { do_basic_tokenize: false }, /do_basic_tokenize is false/],
])('refuses a vocab.txt with %s', (_, config, message) => {
  expect(() => createTokenizer({ vocabText: vocabText(), config }, options)).toThrow(message)
})

test('says what is missing where there are no files', () => {
  expect(() => createTokenizer({}, options)).toThrow(
    /needs tokenizer\.json, or vocab\.txt, or vocab\.json and merges\.txt/,
  )
})
