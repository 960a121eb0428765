import { Buffer } from 'node:buffer'
import { closeSync, openSync, writeSync } from 'node:fs'

/** A tensor to write; its bytes may lie on shared memory. */
export type WrittenTensor = { dtype: 'F32' | 'I8'; shape: number[]; bytes: Uint8Array }

export function writtenFloats(shape: number[], floats: Float32Array): WrittenTensor {
  return { dtype: 'F32', shape, bytes: new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength) }
}

/** A cache line, and more than any vector type needs: whoever maps the file finds its first tensor aligned. */
const DATA_ALIGNMENT = 64

/**
 * Writes tensors as a safetensors file: floats first, so that each lies at a multiple of four bytes, and otherwise in the
 * order given, so that tensors given one after the other lie side by side.
 *
 * @param path a file that is not there yet
 */
export function writeSafetensors(path: string, tensors: ReadonlyMap<string, WrittenTensor>): void {
  const ordered = [...tensors].toSorted(([, a], [, b]) => Number(a.dtype === 'I8') - Number(b.dtype === 'I8'))
  const file = openSync(path, 'wx')
  try {
    writeAll(file, header(ordered))
    for (const [, { bytes }] of ordered) writeAll(file, bytes)
  } finally {
    closeSync(file)
  }
}

function header(ordered: [string, WrittenTensor][]): Buffer {
  const entries: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  let offset = 0
  for (const [name, { dtype, shape, bytes }] of ordered) {
    entries[name] = { dtype, shape, data_offsets: [offset, offset + bytes.byteLength] }
    offset += bytes.byteLength
  }
  const json = Buffer.from(JSON.stringify(entries))
  const lengthBytes = 8
  const whole = Buffer.alloc(Math.ceil((lengthBytes + json.length) / DATA_ALIGNMENT) * DATA_ALIGNMENT, ' ')
  whole.writeBigUInt64LE(BigInt(whole.length - lengthBytes))
  json.copy(whole, lengthBytes)
  return whole
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength; ) done += writeSync(file, bytes, done)
}
