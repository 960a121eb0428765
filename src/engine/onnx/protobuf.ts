import { Buffer } from 'node:buffer'

/**
 * An encoded protobuf message, in pieces: a model's weights pass through several nested messages and are copied only
 * once, by `concatenated`.
 */
export type Message = { pieces: Uint8Array[]; bytes: number }

const VARINT = 0
const LENGTH_DELIMITED = 2
const FIXED_32 = 5

/** One message from its fields. */
export function message(...fields: Message[]): Message {
  return {
    pieces: fields.flatMap((field) => field.pieces),
    bytes: fields.reduce((sum, field) => sum + field.bytes, 0),
  }
}

/** A field of type int32, int64 or enum; `value` is not negative. */
export function integerField(number: number, value: number): Message {
  return single(Buffer.concat([varint(number * 8 + VARINT), varint(value)]))
}

export function floatField(number: number, value: number): Message {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return single(Buffer.concat([varint(number * 8 + FIXED_32), bytes]))
}

export function stringField(number: number, value: string): Message {
  return bytesField(number, Buffer.from(value, 'utf8'))
}

export function bytesField(number: number, bytes: Uint8Array): Message {
  return messageField(number, single(bytes))
}

export function messageField(number: number, inner: Message): Message {
  const head = Buffer.concat([varint(number * 8 + LENGTH_DELIMITED), varint(inner.bytes)])
  return { pieces: [head, ...inner.pieces], bytes: head.length + inner.bytes }
}

export function concatenated({ pieces, bytes }: Message): Buffer {
  return Buffer.concat(pieces, bytes)
}

function single(bytes: Uint8Array): Message {
  return { pieces: [bytes], bytes: bytes.byteLength }
}

/** Seven bits a byte, lowest first; the top bit says that more follow. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}
