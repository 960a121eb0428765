/** Merges by their two parts, a hash table in flat memory: one is looked up for every two bytes of a new word. */
export type PairTable = {
  /** A pair that is there already gets the new rank, as in the reference library. */
  set(left: number, right: number, rank: number, merged: number): void
  /** The place of a pair in the table, to be given to `rankAt` and `mergedAt`; −1 where the two do not merge. */
  find(left: number, right: number): number
  rankAt(place: number): number
  mergedAt(place: number): number
}

const EMPTY = -1

/** @param most how many pairs will be set at most; ids are not negative */
export function createPairTable(most: number): PairTable {
  // At most half full, so that a pair is found within a few steps.
  const size = 2 ** Math.ceil(Math.log2(2 * most + 2))
  const lefts = new Int32Array(size).fill(EMPTY)
  const rights = new Int32Array(size)
  const ranks = new Int32Array(size)
  const mergedIds = new Int32Array(size)

  /** Where the pair is, or would be. */
  function slotOf(left: number, right: number): number {
    let slot = hash(left, right) & (size - 1)
    while (lefts[slot] !== EMPTY && (lefts[slot] !== left || rights[slot] !== right)) slot = (slot + 1) & (size - 1)
    return slot
  }

  return {
    set(left, right, rank, merged) {
      const slot = slotOf(left, right)
      lefts[slot] = left
      rights[slot] = right
      ranks[slot] = rank
      mergedIds[slot] = merged
    },
    find(left, right) {
      const slot = slotOf(left, right)
      return lefts[slot] === EMPTY ? -1 : slot
    },
    rankAt: (place) => ranks[place]!,
    mergedAt: (place) => mergedIds[place]!,
  }
}

/** Odd factors spread the ids, which are small and dense, over all bits; the upper ones are then mixed down. */
function hash(left: number, right: number): number {
  const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)
  return mixed ^ (mixed >>> 15)
}
