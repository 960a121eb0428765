import { show } from '../json.ts'
import { BYTE_CHARACTERS } from './byte-alphabet.ts'
import { createPairTable, type PairTable } from './pair-table.ts'

/** Two pieces that become one. */
export type Merge = readonly [left: string, right: string]

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
export function createBytePairModel(vocabulary: ReadonlyMap<string, number>, merges: readonly Merge[]): BytePairModel {
  function idOf(piece: string): number {
    const id = vocabulary.get(piece)
    if (id === undefined) throw new Error(`the vocabulary has no ${show(piece)}, which its bytes or merges need`)
    return id
  }

  const byteIds = Int32Array.from(BYTE_CHARACTERS, idOf)
  const table = createPairTable(merges.length)
  for (const [rank, [left, right]] of merges.entries()) table.set(idOf(left), idOf(right), rank, idOf(left + right))
  return { byteIds, merges: table }
}
