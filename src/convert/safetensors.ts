import { Buffer } from 'node:buffer'

/** A tensor as it lies in the file: nothing is decoded yet. */
export type StoredTensor = { dtype: string; shape: number[]; bytes: Uint8Array }

/** Bytes of one element; other types hold nothing that a text classifier needs. */
const ELEMENT_BYTES: Record<string, number> = { F32: 4, F16: 2, BF16: 2, F64: 8, I8: 1, U8: 1, I32: 4, I64: 8 }

/** The format's own limit on its header: https://github.com/huggingface/safetensors#format */
const MAX_HEADER_BYTES = 100_000_000

/**
 * Reads a safetensors file: 8 bytes of header length, a JSON header, then the tensors' bytes.
 *
 * Nothing in the header is believed: types, shapes and offsets must agree with one another and with the file.
 *
 * @throws Error that says what is wrong with the file
 */
export function readSafetensors(file: Uint8Array): Map<string, StoredTensor> {
  if (file.byteLength < 8) throw new Error('not a safetensors file: it is shorter than its own length field')
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const headerBytes = view.getBigUint64(0, true)
  if (headerBytes > BigInt(Math.min(MAX_HEADER_BYTES, file.byteLength - 8))) {
    throw new Error(`not a safetensors file, or cut short: its header claims ${headerBytes} bytes`)
  }
  const dataStart = 8 + Number(headerBytes)
  const header = parseHeader(file.subarray(8, dataStart))
  const data = file.subarray(dataStart)
  const tensors = new Map<string, StoredTensor>()
  for (const [name, entry] of Object.entries(header)) {
    if (name !== '__metadata__') tensors.set(name, storedTensor(name, entry, data))
  }
  return tensors
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let header: unknown
  try {
    // A copy: TextDecoder takes no shared memory.
    header = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    throw new Error('not a safetensors file: its header is not JSON')
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new Error('not a safetensors file: its header is not a JSON object')
  }
  return header as Record<string, unknown>
}

function storedTensor(name: string, entry: unknown, data: Uint8Array): StoredTensor {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>
  const elementBytes =
    typeof dtype === 'string' && Object.hasOwn(ELEMENT_BYTES, dtype) ? ELEMENT_BYTES[dtype] : undefined
  if (typeof dtype !== 'string' || elementBytes === undefined) {
    throw new Error(`tensor ${name}: type ${JSON.stringify(dtype)} is not supported`)
  }
  if (!isListOfSizes(shape)) throw new Error(`tensor ${name}: its shape is not a list of sizes`)
  if (!isListOfSizes(offsets) || offsets.length !== 2)
    throw new Error(`tensor ${name}: its offsets are not two numbers`)
  const [start, end] = offsets as [number, number]
  if (start > end || end > data.byteLength) throw new Error(`tensor ${name}: its bytes lie outside the file`)
  const elements = shape.reduce((product, size) => product * size, 1)
  if (end - start !== elements * elementBytes) {
    throw new Error(
      `tensor ${name}: its shape needs ${elements * elementBytes} bytes, the file gives it ${end - start}`,
    )
  }
  return { dtype, shape, bytes: data.subarray(start, end) }
}

function isListOfSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)
}

/** Writes tensors as a safetensors file, in the order given; every tensor starts at a multiple of eight bytes. */
export function writeSafetensors(tensors: ReadonlyMap<string, StoredTensor>): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  const parts: Uint8Array[] = []
  let offset = 0
  // The format allows no gaps between tensors, so alignment comes from order: wide types first.
  const ordered = [...tensors].toSorted(([, a], [, b]) => (ELEMENT_BYTES[b.dtype] ?? 0) - (ELEMENT_BYTES[a.dtype] ?? 0))
  for (const [name, { dtype, shape, bytes }] of ordered) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.byteLength] }
    parts.push(bytes)
    offset += bytes.byteLength
  }
  const json = Buffer.from(JSON.stringify(header))
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ')
  json.copy(padded)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(padded.length))
  return Buffer.concat([length, padded, ...parts])
}
