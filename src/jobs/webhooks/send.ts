import { request as requestHttps } from 'node:https'
import type { LookupFunction } from 'node:net'
import { request as requestHttp } from '../../node-http.ts'
import { ForbiddenAddress, isPublicAddress, publicLookup, refuseForbiddenHost } from './addresses.ts'

/** A receiver has this long for its whole answer. */
const TIMEOUT_MS = 10_000

/** What is read of an answer, so that its connection ends well; nobody looks at it. */
const MAX_ANSWER_BYTES = 65_536

/** What came of a try: the receiver's status, or why there is none. */
export type Sent = { status: number } | { failure: string; isForbidden: boolean }

/** Sends a body to a receiver once. Redirects are not followed: where they lead was never checked. */
export type Sender = (call: {
  url: string
  headers: Record<string, string>
  body: string
  signal: AbortSignal
}) => Promise<Sent>

/**
 * @param options.allowPrivate whether receivers may be on the operator's own networks
 * @param options.resolve what asks the name servers
 */
export function createSender(options: { allowPrivate: boolean; userAgent: string; resolve?: LookupFunction }): Sender {
  const { allowPrivate, userAgent, resolve } = options
  const lookup = allowPrivate ? resolve : publicLookup(resolve)
  return ({ url: address, headers, body, signal }) =>
    new Promise((settle) => {
      const url = new URL(address)
      const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
      const fail = (error: Error) =>
        settle({ failure: reasonOf(error, limited), isForbidden: error instanceof ForbiddenAddress })
      try {
        if (!allowPrivate) refuseForbiddenHost(url.hostname)
      } catch (error) {
        return fail(error as Error)
      }
      const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
        method: 'POST',
        // A connection of its own: one from a pool might lead to an address that was looked up for somebody else.
        agent: false,
        signal: limited,
        ...(lookup && { lookup }),
        headers: {
          ...headers,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': userAgent,
        },
      })
      request.on('error', fail)
      request.on('socket', (socket) => {
        socket.once('connect', () => {
          const remote = socket.remoteAddress ?? ''
          if (!allowPrivate && !isPublicAddress(remote)) request.destroy(new ForbiddenAddress(url.hostname))
        })
      })
      // A receiver that wants to speak something else instead: what it says is no answer to a webhook.
      request.on('upgrade', ({ statusCode }, socket) => {
        settle({ status: statusCode! })
        socket.destroy()
      })
      request.on('response', (response) => {
        let bytes = 0
        response.on('error', fail)
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes <= MAX_ANSWER_BYTES) return
          settle({ status: response.statusCode! })
          request.destroy()
        })
        response.on('end', () => settle({ status: response.statusCode! }))
      })
      // Whatever else may end it: a try that never ends would hold the place of others.
      request.on('close', () => settle({ failure: 'The receiver closed the connection.', isForbidden: false }))
      request.end(body)
    })
}

function reasonOf(error: Error & { code?: string }, signal: AbortSignal): string {
  if (error instanceof ForbiddenAddress) return error.message
  if (signal.aborted)
    return signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError'
      ? 'No answer within 10 s.'
      : 'The server stopped.'
  return `The receiver could not be reached${error.code ? ` (${error.code})` : ''}.`
}
