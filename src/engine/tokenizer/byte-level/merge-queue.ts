/** Waiting merges, lowest rank first, and of the same rank the one further left. */
export type MergeQueue = {
  push(rank: number, position: number): void
  /** @returns a key for `rankOf` and `positionOf`, or −1 where nothing waits */
  pop(): number
}

/** Rank and position share one number: 31 bits of rank, 22 of position, which a double holds exactly. */
const POSITIONS = 2 ** 22

export function rankOf(key: number): number {
  return Math.floor(key / POSITIONS)
}

export function positionOf(key: number): number {
  return key - rankOf(key) * POSITIONS
}

/** A binary heap. @param most how many may wait at once */
export function createMergeQueue(most: number): MergeQueue {
  const keys = new Float64Array(most)
  let size = 0

  return {
    push(rank, position) {
      const key = rank * POSITIONS + position
      let at = size++
      while (at > 0) {
        const parent = (at - 1) >> 1
        if (keys[parent]! <= key) break
        keys[at] = keys[parent]!
        at = parent
      }
      keys[at] = key
    },
    pop() {
      if (size === 0) return -1
      const first = keys[0]!
      const key = keys[--size]!
      let at = 0
      for (let child = 1; child < size; child = 2 * at + 1) {
        if (child + 1 < size && keys[child + 1]! < keys[child]!) child++
        if (keys[child]! >= key) break
        keys[at] = keys[child]!
        at = child
      }
      keys[at] = key
      return first
    },
  }
}
