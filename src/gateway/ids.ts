import { randomBytes } from 'node:crypto'

/** An id that nobody guesses: what it is of, and 128 random bits. */
export function newId(prefix: 'acct' | 'sa' | 'key' | 'bud' | 'evt' | 'hold' | 'topup'): string {
  return `${prefix}_${randomBytes(16).toString('hex')}`
}
