import { Buffer } from 'node:buffer'
import type { ByteSource } from './byte-source.ts'

/** Walks protobuf messages in a file without reading what it skips. */
export type ProtobufReader = {
  /**
   * The fields of the message from `start` to `end`, in order.
   *
   * @throws Error where they do not fill it exactly
   */
  fields(start: number, end: number): Generator<Field>
  /** @throws Error where it is longer than `maxBytes` */
  text(bytes: Span, maxBytes: number): string
}

/** A field; `bytes` where it is a text, bytes or a message. */
export type Field = { number: number; bytes: Span | undefined }

export type Span = { start: number; end: number }

const VARINT = 0
const FIXED_64 = 1
const LENGTH_DELIMITED = 2
const FIXED_32 = 5

/** A 64-bit number in sevens of bits. */
const MAX_VARINT_BYTES = 10

const WINDOW_BYTES = 64 * 1024

export function protobufReader(file: ByteSource): ProtobufReader {
  const window = Buffer.alloc(Math.min(WINDOW_BYTES, file.byteLength))
  let windowStart = 0
  let windowEnd = 0

  function byteAt(at: number): number {
    if (at < windowStart || at >= windowEnd) {
      windowStart = at
      windowEnd = Math.min(at + window.length, file.byteLength)
      file.read(window.subarray(0, windowEnd - windowStart), windowStart)
    }
    return window[at - windowStart]!
  }

  /** @returns the number, and where it ends */
  function varint(start: number, end: number): [value: number, end: number] {
    let value = 0
    for (let length = 0; length < MAX_VARINT_BYTES && start + length < end; length++) {
      const byte = byteAt(start + length)
      value += (byte & 0x7f) * 2 ** (7 * length)
      if (byte < 0x80) return [value, start + length + 1]
    }
    throw broken()
  }

  return {
    *fields(start, end) {
      let at = start
      while (at < end) {
        const [tag, tagEnd] = varint(at, end)
        const wireType = tag % 8
        let bytes: Span | undefined
        if (wireType === VARINT) [, at] = varint(tagEnd, end)
        else if (wireType === FIXED_64) at = tagEnd + 8
        else if (wireType === FIXED_32) at = tagEnd + 4
        else if (wireType === LENGTH_DELIMITED) {
          const [length, lengthEnd] = varint(tagEnd, end)
          at = lengthEnd + length
          bytes = { start: lengthEnd, end: at }
        } else throw broken()
        if (at > end) throw broken()
        yield { number: Math.floor(tag / 8), bytes }
      }
    },
    text(bytes, maxBytes) {
      if (bytes.end - bytes.start > maxBytes) throw new Error('has a name in it that is too long')
      const text = Buffer.alloc(bytes.end - bytes.start)
      file.read(text, bytes.start)
      return text.toString('utf8')
    },
  }
}

function broken(): Error {
  return new Error('is not an ONNX file, or cut short')
}
