import { randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * The headers by which Cloudflare's clients name a request when they report it. A `cf-ray` ends in the airport code of the
 * place that answered; there is no airport here.
 */
export function identityOf(requestId: string): Record<string, string> {
  return { 'cf-ai-req-id': requestId, 'cf-ray': `${randomBytes(8).toString('hex')}-LCL` }
}

/** A hook that puts them on every answer of a route. */
export async function sendIdentity(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.headers(identityOf(request.id))
}
