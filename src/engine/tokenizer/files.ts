import type { TokenizerDefinition } from './definition.ts'
import { readTokenizerJson } from './tokenizer-json.ts'
import { readVocabulary } from './vocabulary-file.ts'

/** What there is of a model's tokenizer files. */
export type TokenizerFiles = {
  /** tokenizer.json, parsed */
  tokenizerJson?: unknown
  /** vocab.txt */
  vocabText?: string
  /** tokenizer_config.json, parsed */
  config?: unknown
}

/**
 * Reads tokenizer.json where there is one; it is complete in itself. Else vocab.txt with tokenizer_config.json.
 *
 * @throws Error which says what was found and what is supported
 */
export function readDefinition({ tokenizerJson, vocabText, config }: TokenizerFiles): TokenizerDefinition {
  if (tokenizerJson !== undefined) return readTokenizerJson(tokenizerJson)
  if (vocabText !== undefined) return readVocabulary(vocabText, config)
  throw new Error('a tokenizer needs tokenizer.json or vocab.txt; neither was found')
}
