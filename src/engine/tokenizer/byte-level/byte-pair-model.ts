import { BYTE_CHARACTERS } from './byte-alphabet.ts'
import { createPairTable, type PairTable } from './pair-table.ts'

export type BytePairModel = {
  /** [256] the id of each byte */
  byteIds: Int32Array
  /** which two ids make which, and in what order */
  merges: PairTable
}

/**
 * Puts together a model from its files' contents.
 *
 * @param vocabulary piece → id
 * @param merges pairs of pieces, the one to be merged first before all others
 * @throws Error that names the piece that the vocabulary lacks
 */
export function createBytePairModel(
  vocabulary: ReadonlyMap<string, number>,
  merges: readonly (readonly [string, string])[],
): BytePairModel {
  function idOf(piece: string, user: string): number {
    const id = vocabulary.get(piece)
    if (id === undefined) throw new Error(`the vocabulary has no ${JSON.stringify(piece)}, which ${user} needs`)
    return id
  }

  const byteIds = Int32Array.from(BYTE_CHARACTERS, (piece, byte) => idOf(piece, `byte ${byte}`))
  const table = createPairTable(merges.length)
  merges.forEach(([left, right], rank) => {
    const user = `merge ${rank}`
    table.set(idOf(left, user), idOf(right, user), rank, idOf(left + right, user))
  })
  return { byteIds, merges: table }
}
