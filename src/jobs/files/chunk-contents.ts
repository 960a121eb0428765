import { contentsWrittenBefore, deleteChunks, findChunk, insertChunks } from '../../store/file-chunks.ts'
import type { Store } from '../../store/store.ts'
import { gathered } from '../gathered.ts'
import type { Contents } from './contents.ts'
import { measured } from './measured.ts'

/**
 * The driver writes a row's bytes as text of twice the length on their way; up to 128 KiB of it lies where memory comes free
 * soon. Still 200 MB are only some thousand rows.
 */
const CHUNK_BYTES = 57_344

/** A statement waits for the disk once, so it writes some. */
const CHUNKS_AT_ONCE = 8

/** Contents in rows of the database, for a store that several machines share. */
export function createChunkContents({ db }: Pick<Store, 'db'>): Contents {
  return {
    async write(id, source, { maxBytes }) {
      const pieces = measured(source, maxBytes)
      try {
        let position = 0
        for await (const chunks of gathered(inChunks(pieces), ({ length }) => length === CHUNKS_AT_ONCE)) {
          await insertChunks(db, { contentId: id, position, chunks })
          position += chunks.length
        }
        return pieces.result()
      } catch (error) {
        await deleteChunks(db, id)
        throw error
      }
    },
    async *read(id, fromByte) {
      let position = Math.floor(fromByte / CHUNK_BYTES)
      let skipped = fromByte % CHUNK_BYTES
      for (;;) {
        const chunk = await findChunk(db, id, position)
        if (chunk === undefined) return
        if (skipped < chunk.length) yield chunk.subarray(skipped)
        // Only the last chunk is shorter.
        if (chunk.length < CHUNK_BYTES) return
        skipped = 0
        position += 1
      }
    },
    remove: (id) => deleteChunks(db, id),
    writtenBefore: (time) => contentsWrittenBefore(db, time),
  }
}

/** Cuts a stream into chunks that all have the same size but for the last. */
async function* inChunks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  let filled = 0
  for await (const piece of source) {
    for (let start = 0; start < piece.length; ) {
      const part = piece.subarray(start, start + CHUNK_BYTES - filled)
      chunk.set(part, filled)
      filled += part.length
      start += part.length
      if (filled < CHUNK_BYTES) continue
      yield chunk
      chunk = Buffer.allocUnsafe(CHUNK_BYTES)
      filled = 0
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled)
}
