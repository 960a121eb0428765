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

/** Whether one computation may serve both. */
export function areIdentical(a: QueuedText, b: QueuedText): boolean {
  return (
    a.modelId === b.modelId &&
    a.sharedAmong === b.sharedAmong &&
    areSame(a.encoded.ids, b.encoded.ids) &&
    areSame(a.encoded.typeIds, b.encoded.typeIds)
  )
}

function areSame(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index])
}
