import { promisify } from 'node:util'
import { brotliDecompress, gunzip, unzip, zstdDecompress } from 'node:zlib'
import { ValenceError } from '../errors.ts'
import { bodyTooLarge } from './gather.ts'
import { parseInSlices } from './parse-in-slices.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })

const decompressGzip = promisify(gunzip)

/** Encodings that no first bytes give away, by the names that headers have for them. */
const NAMED_ENCODINGS = new Map<string, (bytes: Buffer, limits: { maxOutputLength: number }) => Promise<Buffer>>([
  ['br', promisify(brotliDecompress)],
  ['deflate', promisify(unzip)],
  ['zstd', promisify(zstdDecompress)],
])

/** @cloudflare/ai compresses what workerd then compresses again. */
const MAX_LAYERS = 2

/**
 * Takes compression off a body. Of gzip the bytes decide: clients name encodings that they do not use, and use some that they
 * do not name. Others are tried where the header names them.
 *
 * @param encoding the header Content-Encoding
 * @param maxBytes what the body may have when it is decompressed; a few bytes can stand for many
 * @returns a body that is not compressed at once
 * @throws ValenceError `body_too_large` or `body_not_json`
 */
export function decompressed(bytes: Buffer, encoding: string | undefined, maxBytes: number): Buffer | Promise<Buffer> {
  return encoding === undefined && !isGzip(bytes) ? bytes : decompress(bytes, encoding, maxBytes)
}

async function decompress(bytes: Buffer, encoding: string | undefined, maxBytes: number): Promise<Buffer> {
  const limits = { maxOutputLength: maxBytes }
  let plain = bytes
  for (let layer = 0; layer < MAX_LAYERS && isGzip(plain); layer++) {
    plain = await decompressGzip(plain, limits).catch((error: NodeJS.ErrnoException) => {
      if (isTooLarge(error)) throw bodyTooLarge()
      throw new ValenceError('body_not_json', 'The body begins as gzip, but cannot be decompressed.', {
        cause: error.code,
      })
    })
  }
  const named = encoding === undefined ? undefined : NAMED_ENCODINGS.get(encoding.trim().toLowerCase())
  if (!named) return plain
  return named(plain, limits).catch((error: NodeJS.ErrnoException) => {
    if (isTooLarge(error)) throw bodyTooLarge()
    return plain
  })
}

function isTooLarge({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ERR_BUFFER_TOO_LARGE'
}

/** No JSON begins so. */
function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

/** A longer body is parsed in slices; this one takes a millisecond. */
const SHORT_LENGTH = 262_144

/**
 * Reads a request's body as JSON, whatever its content type says: the documented curl of Workers AI sends JSON as a form.
 *
 * @returns undefined for an empty body, which some routes take; a promise for a long one
 * @throws ValenceError `body_not_json`
 */
export function parseJsonBody(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch (cause) {
    throw new ValenceError('body_not_json', 'The body is not valid UTF-8.', { cause })
  }
  if (text.length > SHORT_LENGTH) return parseInSlices(text).catch(refuseJson)
  try {
    return JSON.parse(text)
  } catch (cause) {
    return refuseJson(cause)
  }
}

/** The parser's own message quotes the body, which may be private. */
function refuseJson(cause: unknown): never {
  throw new ValenceError('body_not_json', 'The body is not valid JSON.', { cause: (cause as Error).name })
}

export function bodyMissing(): ValenceError {
  return new ValenceError('body_missing', 'The request has no body; send a JSON object.')
}
