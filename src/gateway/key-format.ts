import { createHmac, randomInt } from 'node:crypto'

/**
 * Keys of the store look like `sk-aig-` + 32 random characters + a checksum of 6.
 *
 * The checksum is made with the server's secret: a mistyped key, and one that somebody made up, are told without asking
 * the store. What the store keeps of a key is its HMAC, which is of no use without the secret.
 */
export type KeyFormat = {
  create(): string
  /** whether it was made with this secret, which a mistyped key was not */
  isGenuine(key: string): boolean
  /** what is kept of a key, in hexadecimal */
  hash(key: string): string
}

export const KEY_PREFIX = 'sk-aig-'
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** 62^32 is 2^190: nobody guesses it. */
const RANDOM_LENGTH = 32

/** 62^6 is 2^35: of the keys that somebody makes up, one in 57 thousand million reaches the store. */
const CHECKSUM_LENGTH = 6

const FORM = new RegExp(`^${KEY_PREFIX}[0-9A-Za-z]{${RANDOM_LENGTH + CHECKSUM_LENGTH}}$`)

export function createKeyFormat(secret: Uint8Array): KeyFormat {
  const mac = (purpose: string, text: string) => createHmac('sha256', secret).update(`${purpose}:${text}`).digest()

  function checksum(body: string): string {
    let rest = mac('checksum', body).readUIntBE(0, 6)
    return Array.from({ length: CHECKSUM_LENGTH }, () => {
      const digit = ALPHABET[rest % ALPHABET.length]!
      rest = Math.floor(rest / ALPHABET.length)
      return digit
    }).join('')
  }

  return {
    create() {
      const random = Array.from({ length: RANDOM_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
      return KEY_PREFIX + random + checksum(KEY_PREFIX + random)
    },
    isGenuine: (key) => FORM.test(key) && key.slice(-CHECKSUM_LENGTH) === checksum(key.slice(0, -CHECKSUM_LENGTH)),
    hash: (key) => mac('key', key).toString('hex'),
  }
}

/** What may be shown of a key, so that its owner tells it from others. */
export function keyHint(key: string): string {
  return `${KEY_PREFIX}…${key.slice(-4)}`
}
