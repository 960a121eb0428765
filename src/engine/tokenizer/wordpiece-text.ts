import { blocksOf } from './blocks.ts'
import type { AppendText, WordPieceDefinition } from './definition.ts'
import { normalise } from './normalise.ts'
import { createWordPiece } from './wordpiece.ts'
import { wordsOf } from './words.ts'

/**
 * Makes the function that reads any text as the Rust library does: normalise, cut into words, spell these with pieces.
 * `wordpiece-shortcut.ts` takes a shorter way where there is one.
 */
export function createWordPieceText(
  { normalisation, model }: WordPieceDefinition,
  appendPieces = createWordPiece(model),
): AppendText {
  function* normalisedBlocks(text: string): Generator<string> {
    for (const block of blocksOf(text)) yield normalise(block, normalisation)
  }

  return (text, ids, budget) => {
    for (const word of wordsOf(normalisedBlocks(text), model.longestWord)) {
      appendPieces(word, ids)
      if (ids.length > budget) return
    }
  }
}
