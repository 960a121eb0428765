import { createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'

/** Begins every file of gzip, and nothing in JSON. */
const GZIP = [0x1f, 0x8b]

/**
 * Writes a file under another name and gives it its own when it is whole and on the disk. It holds secrets, so its user alone may
 * read it. A name that ends in .gz is compressed.
 */
export async function writeWhole(file: string, text: AsyncIterable<string>): Promise<void> {
  const unfinished = `${file}.unfinished`
  try {
    const compression = file.endsWith('.gz') ? createGzip() : new PassThrough()
    await pipeline(text, compression, createWriteStream(unfinished, { mode: 0o600, flush: true }))
    await rename(unfinished, file)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
  if (process.platform === 'win32') return
  const folder = await open(dirname(resolve(file)))
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** The bytes of a file that may be compressed, whatever its name says. */
export async function* decompressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const bytes = source[Symbol.asyncIterator]()
  const first = await bytes.next()
  if (first.done) return
  async function* whole() {
    yield first.value as Uint8Array
    for (let next = await bytes.next(); !next.done; next = await bytes.next()) yield next.value
  }
  if (!GZIP.every((byte, index) => first.value[index] === byte)) {
    yield* whole()
    return
  }
  const plain = createGunzip()
  const piped = pipeline(whole, plain)
  piped.catch(() => {})
  yield* plain as AsyncIterable<Uint8Array>
  await piped
}
