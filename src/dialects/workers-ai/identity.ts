import { randomBytes } from 'node:crypto'

/**
 * The headers by which Cloudflare's clients name a request when they report it. A `cf-ray` ends in the airport code of the
 * place that answered; there is no airport here.
 */
export function identityOf(requestId: string): Record<string, string> {
  return { 'cf-ai-req-id': requestId, 'cf-ray': `${randomBytes(8).toString('hex')}-LCL` }
}
