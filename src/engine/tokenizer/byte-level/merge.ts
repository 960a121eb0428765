import type { BytePairModel } from './byte-pair-model.ts'
import { createMergeQueue, type MergeQueue, positionOf, rankOf } from './merge-queue.ts'

/** Bytes of a word for which the memory is kept from word to word; a longer one gets its own. */
const USUAL_LENGTH = 1024

/** A word as a linked list of symbols; the one that begins at a byte is at that byte's index. */
type Symbols = {
  /** −1 where a symbol was merged into the one before it */
  ids: Int32Array
  next: Int32Array
  previous: Int32Array
  queue: MergeQueue
}

/**
 * Makes the function that appends the ids of a word's bytes: of all pairs of neighbours that the model can merge, the
 * one with the lowest rank is merged first (the leftmost of several), until none is left.
 *
 * Time O(n log n) for n bytes: each merge takes a symbol away and adds at most two pairs to the queue.
 */
export function createMerger({ byteIds, merges }: BytePairModel): (bytes: Uint8Array, ids: number[]) => void {
  const usual = symbolsFor(USUAL_LENGTH)

  return (bytes, ids) => {
    const length = bytes.length
    const symbols = length <= USUAL_LENGTH ? usual : symbolsFor(length)
    for (let at = 0; at < length; at++) {
      symbols.ids[at] = byteIds[bytes[at]!]!
      symbols.next[at] = at + 1
      symbols.previous[at] = at - 1
    }
    for (let at = 0; at + 1 < length; at++) enqueue(symbols, at, at + 1)
    mergeAll(symbols, length)
    for (let at = 0; at < length; at = symbols.next[at]!) ids.push(symbols.ids[at]!)
  }

  function enqueue({ ids, queue }: Symbols, left: number, right: number): void {
    const place = merges.find(ids[left]!, ids[right]!)
    if (place >= 0) queue.push(merges.rankAt(place), left)
  }

  function mergeAll(symbols: Symbols, length: number): void {
    const { ids, next, previous, queue } = symbols
    for (let key = queue.pop(); key >= 0; key = queue.pop()) {
      const left = positionOf(key)
      const right = next[left]!
      if (ids[left] === -1 || right === length) continue
      // One of the two may have been merged with another meanwhile; then the pair is no more.
      const place = merges.find(ids[left]!, ids[right]!)
      if (place < 0 || merges.rankAt(place) !== rankOf(key)) continue
      ids[left] = merges.mergedAt(place)
      ids[right] = -1
      const after = next[right]!
      next[left] = after
      if (after < length) {
        previous[after] = left
        enqueue(symbols, left, after)
      }
      if (left > 0) enqueue(symbols, previous[left]!, left)
    }
  }
}

function symbolsFor(length: number): Symbols {
  return {
    ids: new Int32Array(length),
    next: new Int32Array(length),
    previous: new Int32Array(length),
    // A pair for each two neighbours at first, and two more for each merge, of which there are fewer than bytes.
    queue: createMergeQueue(3 * length),
  }
}
