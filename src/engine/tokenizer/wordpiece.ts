export type WordPieceModel = {
  /** piece → id */
  vocabulary: ReadonlyMap<string, number>
  /** what a piece that does not begin a word starts with in the vocabulary: `##` */
  continuationPrefix: string
  /** stands for a whole word that the vocabulary cannot spell */
  unknownId: number
  /** a word of more characters (code points) than this is unknown */
  longestWord: number
}

/**
 * Makes the function that appends the ids of a word's pieces: greedily the longest piece that the vocabulary has, from
 * left to right, or the unknown token for the whole word.
 */
export function createWordPiece(model: WordPieceModel): (word: string, ids: number[]) => void {
  const { vocabulary, continuationPrefix, unknownId, longestWord } = model
  // Without their prefix, so that no lookup has to build a string.
  const continuations = new Map<string, number>()
  let longestPiece = 0
  for (const [piece, id] of vocabulary) {
    longestPiece = Math.max(longestPiece, piece.length)
    if (piece.startsWith(continuationPrefix)) continuations.set(piece.slice(continuationPrefix.length), id)
  }

  return (word, ids) => {
    const whole = vocabulary.get(word)
    if (whole !== undefined && word.length <= longestWord) {
      ids.push(whole)
      return
    }
    if (hasMoreCharacters(word, longestWord)) {
      ids.push(unknownId)
      return
    }
    const before = ids.length
    let start = 0
    while (start < word.length) {
      const pieces = start === 0 ? vocabulary : continuations
      // Ends inside a surrogate pair are tried as well; no piece matches there.
      let end = Math.min(word.length, start + longestPiece)
      let id = pieces.get(word.slice(start, end))
      while (id === undefined && --end > start) id = pieces.get(word.slice(start, end))
      if (id === undefined) {
        ids.length = before
        ids.push(unknownId)
        return
      }
      ids.push(id)
      start = end
    }
  }
}

function hasMoreCharacters(word: string, limit: number): boolean {
  if (word.length <= limit) return false
  if (word.length > 2 * limit) return true
  let characters = 0
  for (const _ of word) characters++
  return characters > limit
}
