import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { weightsIn } from './wanted-files.ts'

/** Large enough that a piece costs little but its hash, which takes half a millisecond. */
const PIECE_BYTES = 1024 * 1024

/**
 * The hash of a model's weights, 40 hexadecimal digits. They are read in pieces, so that hundreds of megabytes do not hold the
 * event loop, into one buffer: a stream would leave each piece to the collector.
 *
 * @param beforeRead called before each piece
 * @returns undefined where they cannot be read any more
 */
export async function hashOfWeights(folder: string, beforeRead = () => {}): Promise<string | undefined> {
  const hash = createHash('sha1')
  const piece = Buffer.allocUnsafeSlow(PIECE_BYTES)
  try {
    for (const name of weightsIn(folder)) {
      const file = await open(join(folder, name))
      try {
        for (let count = PIECE_BYTES; count > 0; ) {
          beforeRead()
          count = (await file.read(piece, 0, PIECE_BYTES)).bytesRead
          hash.update(piece.subarray(0, count))
        }
      } finally {
        await file.close()
      }
    }
    return hash.digest('hex')
  } catch {
    return undefined
  }
}
