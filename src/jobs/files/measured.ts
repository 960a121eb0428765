import { createHash } from 'node:crypto'
import { ValenceError } from '../../errors.ts'
import type { Written } from './contents.ts'

/** Passes a stream on while it counts and hashes it. */
export type Measured = AsyncIterable<Uint8Array> & { result(): Written }

/** @throws ValenceError `body_too_large`, while it is read, at the first byte over the limit */
export function measured(source: AsyncIterable<Uint8Array>, maxBytes: number): Measured {
  const hash = createHash('sha256')
  let bytes = 0
  return {
    async *[Symbol.asyncIterator]() {
      for await (const piece of source) {
        bytes += piece.length
        if (bytes > maxBytes) {
          throw new ValenceError('body_too_large', `A file may have at most ${maxBytes} bytes; this one has more.`, {
            field: 'file',
          })
        }
        hash.update(piece)
        yield piece
      }
    },
    result: () => ({ bytes, sha256: hash.copy().digest('hex') }),
  }
}
