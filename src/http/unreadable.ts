import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Dialect } from '../dialects/dialect.ts'
import { ValenceError } from '../errors.ts'

/**
 * Answers bytes that are no HTTP request. Nothing is known of what the client wanted, so one dialect has to do for all;
 * no route, and so no reply object, is involved.
 */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket, dialect: Dialect): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, body } = dialect.renderError(describe(error), { id: '', method: '', path: '' })
  const json = JSON.stringify(body)
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(json)}`,
      'connection: close',
      '',
      json,
    ].join('\r\n'),
  )
}

function describe({ code }: NodeJS.ErrnoException): ValenceError {
  if (code === 'HPE_HEADER_OVERFLOW') return new ValenceError('invalid_request', 'The headers are too long.')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new ValenceError('timed_out', 'The request took too long to arrive.')
  return new ValenceError('invalid_request', 'This is not a readable HTTP request.')
}
