import { createHmac, randomBytes } from 'node:crypto'

/** Standard Webhooks asks for 24 to 64 bytes; HMAC-SHA256 has no use for more than its own 32. */
const SECRET_BYTES = 32

const PREFIX = 'whsec_'

/** A new secret of an account. */
export function createSecret(): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString('base64')
}

/**
 * The headers that let a receiver check a body, in both schemes at once: Standard Webhooks, whose key is what the secret
 * encodes, and AIGateway's own, whose key is the secret's text.
 *
 * @param secrets the account's secrets, the newest first; while one is being rotated out, both sign
 */
export function signatureHeaders(
  secrets: readonly string[],
  { id, body, timestampSeconds }: { id: string; body: string; timestampSeconds: number },
): Record<string, string> {
  const standard = secrets.map(
    (secret) =>
      `v1,${hmac(Buffer.from(secret.slice(PREFIX.length), 'base64'), `${id}.${timestampSeconds}.${body}`, 'base64')}`,
  )
  const gateway = secrets.map((secret) => `v1=${hmac(secret, `${timestampSeconds}.${body}`, 'hex')}`)
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': standard.join(' '),
    // A reader that makes a map of the pairs keeps the last of one name, so the newest comes last.
    'x-gateway-signature': [`t=${timestampSeconds}`, ...gateway.toReversed()].join(','),
  }
}

function hmac(key: string | Buffer, message: string, encoding: 'base64' | 'hex'): string {
  return createHmac('sha256', key).update(message, 'utf8').digest(encoding)
}
