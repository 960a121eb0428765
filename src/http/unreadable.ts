import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Dialect } from '../dialects/dialect.ts'
import { ValenceError } from '../errors.ts'
import { STATUS_CODES } from '../node-http.ts'

/** Whoever has the answer closes the connection by himself; one that does not, or goes on sending, is cut off after this long. */
const LAST_WORDS_MS = 2000

/**
 * Answers bytes that are no HTTP request. Nothing is known of what the client wanted, so one dialect has to do for all;
 * no route, and so no reply object, is involved.
 */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket, dialect: Dialect): void {
  // It was answered, and sends on.
  if (socket.writableEnded) return
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const id = randomUUID()
  const { status, body } = dialect.renderError(describe(error), { id, method: '', path: '' })
  const json = JSON.stringify(body)
  // Closed at once, it would take the answer away from a client that is still sending.
  const timer = setTimeout(() => socket.destroy(), LAST_WORDS_MS)
  socket.once('close', () => clearTimeout(timer))
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      `x-request-id: ${id}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(json)}`,
      'connection: close',
      '',
      json,
    ].join('\r\n'),
  )
}

function describe({ code }: NodeJS.ErrnoException): ValenceError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ValenceError('head_too_large', 'The headers, or the address, are too long.')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ValenceError('body_too_large', 'The extensions of the chunks are too long.')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ValenceError('request_too_slow', 'The request took too long to arrive.')
    default:
      return new ValenceError('invalid_request', 'This is not a readable HTTP request.')
  }
}
