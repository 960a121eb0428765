import { readByteLevelFiles } from './byte-level/byte-level-files.ts'
import type { TokenizerDefinition } from './definition.ts'
import { readTokenizerJson } from './tokenizer-json.ts'
import { readVocabulary } from './vocabulary-file.ts'

/** What there is of a model's tokenizer files. */
export type TokenizerFiles = {
  /** tokenizer.json, parsed */
  tokenizerJson?: unknown
  /** vocab.txt */
  vocabText?: string
  /** vocab.json, parsed */
  vocabJson?: unknown
  /** merges.txt */
  mergesText?: string
  /** tokenizer_config.json, parsed */
  config?: unknown
}

/**
 * Reads tokenizer.json where there is one; it says all of how a text becomes ids. Else vocab.txt, or vocab.json with merges.txt, and
 * tokenizer_config.json.
 *
 * @throws Error which says what was found and what is supported
 */
export function readDefinition({
  tokenizerJson,
  vocabText,
  vocabJson,
  mergesText,
  config,
}: TokenizerFiles): TokenizerDefinition {
  if (tokenizerJson !== undefined) return readTokenizerJson(tokenizerJson)
  if (vocabText !== undefined) return readVocabulary(vocabText, config)
  if (vocabJson !== undefined && mergesText !== undefined) return readByteLevelFiles(vocabJson, mergesText, config)
  throw new Error('a tokenizer needs tokenizer.json, or vocab.txt, or vocab.json and merges.txt; none was found')
}
