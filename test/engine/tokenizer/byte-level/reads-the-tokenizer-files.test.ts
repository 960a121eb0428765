import { expect, test } from 'vitest'
import { createTokenizer } from '../../../../src/engine/tokenizer/tokenizer.ts'
import { referenceEncodings, separateFiles, tokenizerJson } from './model-files.ts'

const options = { maxTokens: 512 }
const usual = tokenizerJson()
const whole = createTokenizer({ tokenizerJson: usual }, options)

function idsWith(files: Parameters<typeof createTokenizer>[0], text: string): number[] {
  return [...createTokenizer(files, options).encode(text).ids]
}

test('vocab.json with merges.txt gives what tokenizer.json gives', () => {
  const separate = createTokenizer({ ...separateFiles(), config: { tokenizer_class: 'RobertaTokenizer' } }, options)
  for (const { text, pair } of referenceEncodings) {
    expect(separate.encode(text, pair)).toEqual(whole.encode(text, pair))
  }
})

test('merges.txt may have Windows line ends, and tokenizer_config.json may be missing', () => {
  const { vocabJson, mergesText } = separateFiles()
  const files = { vocabJson, mergesText: mergesText.replaceAll('\n', '\r\n') }
  expect(idsWith(files, 'A good movie <mask>')).toEqual([...whole.encode('A good movie <mask>').ids])
})

test('tokenizer_config.json may ask for a space before the text, and list the added tokens', () => {
  const flags = { lstrip: false, rstrip: false, single_word: false, normalized: false, special: true }
  const files = {
    ...separateFiles(),
    config: { add_prefix_space: true, added_tokens_decoder: { 3260: { content: '<mask>', ...flags } } },
  }
  const [start, mask, blank, end] = [0, 3260, 224, 2]
  expect(idsWith(files, 'good')).toEqual([...whole.encode(' good').ids])
  expect(idsWith(files, ' <mask>')).toEqual([start, blank, mask, end])
  expect(idsWith(separateFiles(), ' <mask>')).toEqual([start, mask, end])
})

test('merges may be arrays of two pieces, as newer files have them', () => {
  const merges = usual.model.merges.map((merge) => merge.split(' '))
  const text = 'A gorgeous, witty, seductive movie.'
  expect(idsWith({ tokenizerJson: { ...usual, model: { ...usual.model, merges } } }, text)).toEqual([
    ...whole.encode(text).ids,
  ])
})

test('tokens that are normalized are found after those that are not', () => {
  const token = (content: string, normalized: boolean, id: number) => {
    return { id, content, normalized, single_word: false, lstrip: false, rstrip: false, special: true }
  }
  const file = { ...usual, added_tokens: [token('ab', true, 11), token('bc', false, 12)] }
  expect(idsWith({ tokenizerJson: file }, 'abc ab')).toEqual([0, usual.model.vocab.a, 12, usual.model.vocab.Ġ, 11, 2])
})

const { '!': _, ...incomplete } = usual.model.vocab

test.each([
  ['a normalizer', { normalizer: { type: 'NFC' } }, /normalizer is \{"type":"NFC"\}; only null/],
  ['another pre-tokenizer', { pre_tokenizer: { type: 'Metaspace' } }, /pre_tokenizer\.type is "Metaspace"/],
  ['a pattern of its own', { pre_tokenizer: { type: 'ByteLevel', use_regex: false } }, /use_regex is false/],
  ['another post-processor', { post_processor: { type: 'ByteLevel' } }, /post_processor\.type is "ByteLevel"/],
  [
    'a post-processor without ids',
    { post_processor: { type: 'RobertaProcessing', cls: ['<s>'] } },
    /cls\[1\] is missing/,
  ],
  ['dropout', { model: { ...usual.model, dropout: 0.1 } }, /model\.dropout is 0\.1/],
  ['ends of words', { model: { ...usual.model, end_of_word_suffix: '</w>' } }, /end_of_word_suffix is "<\/w>"/],
  ['merges to be left out', { model: { ...usual.model, ignore_merges: true } }, /ignore_merges is true/],
  [
    'a byte that is missing',
    { model: { ...usual.model, vocab: incomplete } },
    /no "!", which its bytes or merges need/,
  ],
  [
    'a piece that is missing',
    { model: { ...usual.model, merges: ['Ġ zq'] } },
    /no "zq", which its bytes or merges need/,
  ],
  ['a merge of three', { model: { ...usual.model, merges: ['a b c'] } }, /merges\[0\] is "a b c"; two pieces/],
  ['merges that are none', { model: { ...usual.model, merges: [7] } }, /merges\[0\] is 7; two pieces/],
  ['an empty token', { added_tokens: [{ ...usual.added_tokens[0], content: '' }] }, /content is empty/],
])('refuses a tokenizer.json with %s', (_, change, message) => {
  expect(() => createTokenizer({ tokenizerJson: { ...usual, ...change } }, options)).toThrow(message)
})

test.each([
  ['another class', { config: { tokenizer_class: 'GPT2Tokenizer' } }, /"GPT2Tokenizer"; .* RobertaTokenizer/],
  [
    'a special token that is not in it',
    { config: { cls_token: '[CLS]' } },
    /"\[CLS\]", which vocab\.json does not have/,
  ],
  ['merges that cannot be read', { mergesText: 'a\n' }, /merges\.txt\[0\] is "a"; two pieces/],
])('refuses a vocab.json with %s', (_, change, message) => {
  expect(() => createTokenizer({ ...separateFiles(), ...change }, options)).toThrow(message)
})
