import type { BytePairModel } from './byte-level/byte-pair-model.ts'
import type { Normalisation } from './normalise.ts'
import type { SpecialTokens } from './special-tokens.ts'
import type { Template } from './template.ts'
import type { WordPieceModel } from './wordpiece.ts'

/** All that the files say about how a text becomes ids. */
export type TokenizerDefinition = {
  /** how text between special tokens becomes ids */
  text: WordPieceDefinition | ByteLevelDefinition
  /** what a text may contain as such (`[SEP]`), in passes: each searches what those before it leave as text */
  specialTokens: readonly SpecialTokens[]
  single: Template
  pair: Template
}

/** BERT's tokenizer. */
export type WordPieceDefinition = { kind: 'wordpiece'; normalisation: Normalisation; model: WordPieceModel }

/** GPT-2's and RoBERTa's tokenizer. */
export type ByteLevelDefinition = {
  kind: 'byte-level'
  /** whether a text (each, between special tokens) is read as if a space stood before it */
  addPrefixSpace: boolean
  model: BytePairModel
}

/**
 * Appends the ids of a text without special tokens. It may stop as soon as there are more than `budget` ids in all, and
 * what it appended by then is how the ids of the whole text begin.
 */
export type AppendText = (text: string, ids: number[], budget: number) => void
