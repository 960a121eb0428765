import { readFileSync } from 'node:fs'

const directory = new URL('../../../models/minilm-sst-2-int8/', import.meta.url)

/** The part of a tokenizer.json that tests change; the rest passes through. */
type TokenizerJson = { model: { vocab: Record<string, number> }; normalizer: object }

/** A fresh copy of the tokenizer.json of the embedded model, for a test to change as it likes. */
export function tokenizerJson(): TokenizerJson {
  return JSON.parse(readFileSync(new URL('tokenizer.json', directory), 'utf8'))
}

/** The vocabulary as a vocab.txt would hold it. */
export function vocabText(): string {
  return Object.entries(tokenizerJson().model.vocab)
    .toSorted(([, a], [, b]) => a - b)
    .map(([piece]) => `${piece}\n`)
    .join('')
}
