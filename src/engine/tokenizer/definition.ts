import type { Normalisation } from './normalise.ts'
import type { Template } from './template.ts'
import type { WordPieceModel } from './wordpiece.ts'

/** All that the files say about how a text becomes ids. */
export type TokenizerDefinition = {
  normalisation: Normalisation
  model: WordPieceModel
  /** the tokens that a text may contain as such (`[SEP]`), with their ids */
  specialTokens: ReadonlyMap<string, number>
  single: Template
  pair: Template
}
