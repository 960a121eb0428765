import { createHash, timingSafeEqual } from 'node:crypto'

/** Tells whether a key that a client sent is one of ours. */
export type KeyCheck = (key: string | undefined) => boolean

/**
 * @param keys the keys that open the server; with none, any key or no key does
 */
export function createKeyCheck(keys: readonly string[]): KeyCheck {
  if (keys.length === 0) return () => true
  const digests = keys.map(digest)
  return (key) => {
    if (key === undefined) return false
    const sent = digest(key)
    // Every key is compared, and digests have one length, so the time tells neither which key nor how much of it fits.
    return digests.reduce((found, known) => timingSafeEqual(sent, known) || found, false)
  }
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key, 'utf8').digest()
}
