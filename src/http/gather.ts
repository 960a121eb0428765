import type { IncomingMessage } from 'node:http'
import { ValenceError } from '../errors.ts'

/** Bodies that are longer than usual take some 50 MB each while they are read; who comes when these many are is told to come back. */
const LONG_AT_ONCE = 4

/** Reads bodies into memory. */
export type BodyReader = {
  /**
   * Reads a body, has it parsed, and keeps its place until that is done.
   *
   * @param maxBytes what this body may have, which may be more than is usual
   * @throws ValenceError `body_too_large`, `busy`, `aborted`; what `parse` throws
   */
  read<T>(source: IncomingMessage, maxBytes: number, parse: (bytes: Buffer) => T | Promise<T>): Promise<T>
}

/** @param usualBytes what a body may have without being counted as a long one */
export function createBodyReader(usualBytes: number): BodyReader {
  let long = 0

  return {
    async read(source, maxBytes, parse) {
      if (Number(source.headers['content-length'] ?? 0) > maxBytes) throw bodyTooLarge()
      let isLong = false
      function check(length: number): void {
        if (length > maxBytes) throw bodyTooLarge()
        if (isLong || length <= usualBytes) return
        if (long === LONG_AT_ONCE) throw tooManyLong()
        long += 1
        isLong = true
      }
      try {
        return await gather(source, check, parse)
      } finally {
        if (isLong) long -= 1
      }
    },
  }
}

/**
 * Puts the pieces of a body together. Where `check` throws at the length so far, the rest goes by unkept.
 *
 * The request holds what hears of it until it is answered, so nothing of it may hold the bytes once they are parsed.
 */
function gather<T>(
  source: IncomingMessage,
  check: (length: number) => void,
  parse: (bytes: Buffer) => T | Promise<T>,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  let pieces: Buffer[] | undefined = []
  let length = 0
  source.on('data', (piece: Buffer) => {
    if (!pieces) return
    length += piece.length
    try {
      check(length)
      pieces.push(piece)
    } catch (error) {
      pieces = undefined
      reject(error)
    }
  })
  source.once('end', () => {
    if (!pieces) return
    try {
      resolve(parse(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, length)))
    } catch (error) {
      reject(error)
    }
    pieces = undefined
  })
  source.once('error', reject)
  return promise
}

export function bodyTooLarge(): ValenceError {
  return new ValenceError('body_too_large', 'The body is larger than this server takes. Send fewer or shorter texts.')
}

function tooManyLong(): ValenceError {
  return new ValenceError('busy', 'Other long bodies are being read. Try again shortly.', { retryAfterSeconds: 1 })
}
