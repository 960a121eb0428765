import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { FileRow } from '../../jobs/files/files.ts'

/** Sends a file's bytes as they are read. */
export function sendContent(
  reply: FastifyReply,
  { bytes }: FileRow,
  pieces: AsyncIterable<Uint8Array>,
  type: string,
): FastifyReply {
  return (
    reply
      .header('content-type', type)
      .header('content-length', bytes)
      // What somebody has uploaded is never to run in a browser, nor to stay in a cache.
      .header('x-content-type-options', 'nosniff')
      .header('cache-control', 'private, no-store')
      .send(Readable.from(pieces))
  )
}
