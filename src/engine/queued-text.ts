import { randomInt } from 'node:crypto'
import type { EncodedText } from './backend.ts'

/** A text as it waits for its turn. */
export type QueuedText = {
  modelId: string
  /** whose text it is: only identical ones of one name share a computation */
  sharedAmong: string
  encoded: EncodedText
}

/** Nobody can make up texts that have one fingerprint, and so have them compared token by token, without knowing it. */
const SEED = randomInt(2 ** 32)

/** A number that identical texts have in common, and others hardly ever: FNV-1a of the tokens. */
export function fingerprintOf({ encoded }: QueuedText): number {
  let hash = SEED
  for (const id of encoded.ids) hash = Math.imul(hash ^ id, 0x01000193)
  return hash
}

export type Identified = QueuedText & { fingerprint: number }

/** Enough that each place has few texts while thousands wait, and little memory: a power of two. */
const PLACES = 4096

/** Texts that can be found by being identical. */
export type IdenticalTexts<T extends Identified> = {
  /** One for which a single computation may serve as well. */
  find(text: T, suits: (other: T) => boolean): T | undefined
  add(text: T): void
  remove(text: T): void
}

/**
 * Texts stand in arrays, in a place that their fingerprint says, and not in a Map: one that is added to and deleted from at such a rate
 * moves to a new table again and again, and V8's young collections take a dead table that is old for a reason to keep what
 * the next ones hold. So did all queued texts become old.
 */
export function createIdenticalTexts<T extends Identified>(): IdenticalTexts<T> {
  const places = Array.from({ length: PLACES }, (): T[] => [])
  const placeOf = ({ fingerprint }: T) => places[fingerprint & (PLACES - 1)]!
  return {
    find: (text, suits) => placeOf(text).find((other) => areIdentical(other, text) && suits(other)),
    add: (text) => void placeOf(text).push(text),
    remove(text) {
      const place = placeOf(text)
      const index = place.indexOf(text)
      if (index !== -1) place.splice(index, 1)
    },
  }
}

/** Whether one computation may serve both. */
function areIdentical(a: Identified, b: Identified): boolean {
  return (
    a.fingerprint === b.fingerprint &&
    a.modelId === b.modelId &&
    a.sharedAmong === b.sharedAmong &&
    areSame(a.encoded.ids, b.encoded.ids) &&
    areSame(a.encoded.typeIds, b.encoded.typeIds)
  )
}

function areSame(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index])
}
