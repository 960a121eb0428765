import type { FastifyReply, FastifyRequest } from 'fastify'
import { ValenceError } from '../errors.ts'

/** Watches over bodies that do not come: Node has one time limit for all requests, which is that of the longest. */
export type ArrivalLimit = {
  /** From now on the request has its time; call it where a request begins. */
  watch(request: FastifyRequest, reply: FastifyReply): void
}

/** @param refuse answers a request that took too long; one that was answered before it was read to its end is cut off */
export function createArrivalLimit(
  timeoutMs: number,
  refuse: (error: ValenceError, request: FastifyRequest, reply: FastifyReply) => void,
): ArrivalLimit {
  let begun: { request: FastifyRequest; reply: FastifyReply }[] = []

  /** Most bodies come with their heads: only what is not whole when the event loop has read all that there was gets a timer. */
  function watchLate(): void {
    const late = begun.filter(({ request: { raw } }) => !raw.complete && !raw.destroyed)
    begun = []
    for (const { request, reply } of late) startTimer(request, reply)
  }

  function startTimer(request: FastifyRequest, reply: FastifyReply): void {
    const { raw } = request
    const timer = setTimeout(() => {
      if (reply.sent) raw.destroy()
      else {
        reply.raw.once('finish', () => raw.destroy())
        refuse(new ValenceError('request_too_slow', 'The request took too long to arrive.'), request, reply)
      }
    }, timeoutMs)
    raw.once('close', () => clearTimeout(timer))
    raw.once('end', () => clearTimeout(timer))
  }

  return {
    watch(request, reply) {
      const { headers } = request
      if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return
      if (begun.length === 0) setImmediate(watchLate)
      begun.push({ request, reply })
    },
  }
}
