import { readFileSync } from 'node:fs'

/** The part of a tokenizer.json that tests change; the rest passes through. */
type TokenizerJson = {
  model: { vocab: Record<string, number>; merges: string[] }
  pre_tokenizer: object
  added_tokens: object[]
}

/** A fresh copy of a tokenizer.json of RoBERTa's form, which fixtures/train-vocabulary.py made. */
export function tokenizerJson({ addPrefixSpace = false } = {}): TokenizerJson {
  const json = JSON.parse(readFileSync(new URL('fixtures/tokenizer.json', import.meta.url), 'utf8')) as TokenizerJson
  return { ...json, pre_tokenizer: { ...json.pre_tokenizer, add_prefix_space: addPrefixSpace } }
}

/** The same as the older files, whose vocabulary has the mask as well. */
export function separateFiles(): { vocabJson: object; mergesText: string } {
  const { vocab, merges } = tokenizerJson().model
  return { vocabJson: { ...vocab, '<mask>': 3260 }, mergesText: `#version: 0.2\n${merges.join('\n')}\n` }
}

/** One result of the Rust library; fixtures/make-fixtures.py made them. */
export type ReferenceEncoding = {
  addPrefixSpace?: boolean
  text: string
  pair?: string
  maxTokens: number
  truncated: boolean
  ids: number[]
}

export const referenceEncodings: ReferenceEncoding[] = JSON.parse(
  readFileSync(new URL('fixtures/encodings.json', import.meta.url), 'utf8'),
)
