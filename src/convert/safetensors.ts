import { Buffer } from 'node:buffer'
import type { ByteSource } from './byte-source.ts'
import { shown } from './shown.ts'

/** A tensor as it lies in the file: nothing is read or decoded yet. */
export type StoredTensor = {
  dtype: string
  shape: number[]
  byteLength: number
  /** where it begins in an open file */
  place?: { descriptor: number; at: number } | undefined
  /** Fills `into` with the tensor's bytes from `at` on. */
  read(into: Uint8Array, at: number): void
}

/** Every type of the format that is whole bytes wide, by the bytes of an element. */
const TYPES_BY_BYTES: Record<number, string[]> = {
  8: ['F64', 'I64', 'U64'],
  4: ['F32', 'I32', 'U32'],
  2: ['F16', 'BF16', 'I16', 'U16'],
  1: ['F8_E5M2', 'F8_E4M3', 'I8', 'U8', 'BOOL'],
}

const ELEMENT_BYTES = new Map(
  Object.entries(TYPES_BY_BYTES).flatMap(([bytes, types]) => types.map((type) => [type, Number(bytes)])),
)

/**
 * The format allows 100 MB: https://github.com/huggingface/safetensors#format. A tensor's entry takes some 100 bytes and
 * a classifier has a few hundred, so this is plenty, and bounds what a lying file makes us parse.
 */
const MAX_HEADER_BYTES = 4 * 1024 * 1024

/** Where the header's length ends and the header begins. */
const LENGTH_BYTES = 8

/**
 * Reads the header of a safetensors file: 8 bytes of its length, JSON, then the tensors' bytes.
 *
 * Nothing in it is believed: types, shapes and places must agree with one another and with the file, and the tensors
 * must cover all of it once, without gaps, as the format asks.
 *
 * @throws Error that says what is wrong with the file
 */
export function readSafetensors(file: ByteSource): Map<string, StoredTensor> {
  if (file.byteLength < LENGTH_BYTES) throw new Error('not a safetensors file: it is shorter than its own length field')
  const length = Buffer.alloc(LENGTH_BYTES)
  file.read(length, 0)
  const headerBytes = length.readBigUInt64LE()
  if (headerBytes > BigInt(file.byteLength - LENGTH_BYTES)) {
    throw new Error(`not a safetensors file, or cut short: its header claims ${headerBytes} bytes`)
  }
  if (headerBytes > MAX_HEADER_BYTES) {
    throw new Error(`its header claims ${headerBytes} bytes; at most ${MAX_HEADER_BYTES} are read`)
  }
  const json = Buffer.alloc(Number(headerBytes))
  file.read(json, LENGTH_BYTES)
  return placed(parseHeader(json.toString('utf8')), file, LENGTH_BYTES + json.byteLength)
}

type Entry = { name: string; dtype: string; shape: number[]; start: number; end: number }

function placed(entries: Entry[], file: ByteSource, dataStart: number): Map<string, StoredTensor> {
  const dataBytes = file.byteLength - dataStart
  let covered = 0
  for (const { name, start, end } of entries.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (end > dataBytes) throw new Error(`tensor ${shown(name)}: its bytes lie outside the file`)
    if (start !== covered) throw new Error(`tensor ${shown(name)}: its bytes overlap another's, or leave a gap`)
    covered = end
  }
  if (covered !== dataBytes) throw new Error(`${dataBytes - covered} bytes at its end belong to no tensor`)
  return new Map(
    entries.map(({ name, dtype, shape, start, end }) => [
      name,
      {
        dtype,
        shape,
        byteLength: end - start,
        place: file.descriptor === undefined ? undefined : { descriptor: file.descriptor, at: dataStart + start },
        read(into, at) {
          if (at + into.byteLength > end - start) throw new Error(`tensor ${shown(name)} ends before that`)
          file.read(into, dataStart + start + at)
        },
      },
    ]),
  )
}

function parseHeader(json: string): Entry[] {
  let header: unknown
  try {
    header = JSON.parse(json)
  } catch {
    throw new Error('not a safetensors file: its header is not JSON')
  }
  if (!isObject(header)) throw new Error('not a safetensors file: its header is not a JSON object')
  const { __metadata__: metadata, ...tensors } = header
  if (metadata !== undefined && !(isObject(metadata) && Object.values(metadata).every(isString))) {
    throw new Error('__metadata__ in its header is not a list of texts')
  }
  const entries = Object.entries(tensors).map(([name, entry]) => readEntry(name, entry))
  // JSON.parse keeps the last of two equal names without a word; what is left of the members then is fewer than written.
  const read =
    Object.keys(header).length + entries.length * ENTRY_FIELDS.length + Object.keys((metadata as object) ?? {}).length
  if (membersIn(json) !== read) throw new Error('a name stands twice in its header')
  return entries
}

const ENTRY_FIELDS = ['dtype', 'shape', 'data_offsets']

function readEntry(name: string, entry: unknown): Entry {
  if (!isObject(entry) || Object.keys(entry).length !== ENTRY_FIELDS.length) {
    throw new Error(`tensor ${shown(name)}: its entry must have ${ENTRY_FIELDS.join(', ')}, and nothing else`)
  }
  const { dtype, shape, data_offsets: offsets } = entry
  const elementBytes = isString(dtype) ? ELEMENT_BYTES.get(dtype) : undefined
  if (!isString(dtype) || elementBytes === undefined) {
    throw new Error(`tensor ${shown(name)}: type ${shown(dtype)} is not supported`)
  }
  if (!isListOfSizes(shape)) throw new Error(`tensor ${shown(name)}: its shape is not a list of sizes`)
  if (!isListOfSizes(offsets) || offsets.length !== 2) {
    throw new Error(`tensor ${shown(name)}: its offsets are not two numbers`)
  }
  const [start, end] = offsets as [number, number]
  // Past 2⁵³ the product is no longer exact, but then it is far from what any file can hold.
  const needed = shape.reduce((product, size) => product * size, elementBytes)
  if (end - start !== needed) {
    throw new Error(`tensor ${shown(name)}: its shape needs ${needed} bytes, the file gives it ${end - start}`)
  }
  return { name, dtype, shape, start, end }
}

/** Counts the members of all objects in a valid JSON text: every colon outside a string makes one. */
function membersIn(json: string): number {
  let members = 0
  for (let at = 0; at < json.length; at++) {
    if (json[at] === ':') members++
    else if (json[at] === '"') at = endOfString(json, at)
  }
  return members
}

/** @returns where the quotation mark is that closes the string opened at `start` */
function endOfString(json: string, start: number): number {
  let at = start + 1
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1
  return at
}

/** No tensor has more axes; a list of them may not be a way to make us work. */
const MAX_AXES = 8

function isListOfSizes(value: unknown): value is number[] {
  return (
    Array.isArray(value) && value.length <= MAX_AXES && value.every((size) => Number.isSafeInteger(size) && size >= 0)
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isString(value: unknown): value is string {
  return typeof value === 'string'
}
