import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ByteSource } from './byte-source.ts'
import { protobufReader, type Span } from './protobuf-reader.ts'
import { shown } from './shown.ts'

/**
 * Which fields of a message of ONNX hold other messages on the way to a tensor, by number:
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. A tensor's own entries of external data are its field 13.
 */
const FIELDS: Record<MessageType, Record<number, MessageType>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparseTensor' },
  function: { 7: 'node', 11: 'attribute' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparseTensor', 23: 'sparseTensor' },
  sparseTensor: { 1: 'tensor', 2: 'tensor' },
  tensor: { 13: 'externalEntry' },
  externalEntry: {},
}

type MessageType =
  | 'model'
  | 'training'
  | 'graph'
  | 'function'
  | 'node'
  | 'attribute'
  | 'sparseTensor'
  | 'tensor'
  | 'externalEntry'

/** Graphs within graphs within graphs; ours need one. */
const MAX_DEPTH = 32

/** What protobuf allows a message to have. */
const MAX_BYTES = 2 ** 31 - 1

const KEY = 1
const VALUE = 2

/** The longest name of a file that systems allow. */
const MAX_NAME_BYTES = 255

/** What a file beside the ONNX file may be called. */
const PLAIN_NAME = /^[\w][\w.-]*$/

/**
 * Looks through an ONNX file before ONNX Runtime opens it: whether it is one at all, and where it keeps its weights.
 *
 * @param path where the file is; weights outside of it must lie beside it
 * @throws Error where it is cut short or malformed, or names a file elsewhere
 */
export function checkOnnxFile(file: ByteSource, path: string): void {
  if (file.byteLength > MAX_BYTES)
    throw new Error(`has ${file.byteLength} bytes; an ONNX file has at most ${MAX_BYTES}`)
  let graphs = 0
  const reader = protobufReader(file)

  function look(type: MessageType, start: number, end: number, depth: number): void {
    if (depth > MAX_DEPTH) throw new Error('is nested too deeply')
    for (const field of reader.fields(start, end)) {
      const inner = FIELDS[type][field.number]
      if (inner === 'externalEntry' && field.bytes) {
        lookAtEntry(field.bytes)
        continue
      }
      if (inner === undefined) continue
      if (!field.bytes) throw new Error('is not an ONNX file, or broken')
      if (inner === 'graph') graphs++
      look(inner, field.bytes.start, field.bytes.end, depth + 1)
    }
  }

  /** An entry is a key and a value, in any order; of two, protobuf takes the last. */
  function lookAtEntry({ start, end }: Span): void {
    let key = ''
    let value: Span | undefined
    for (const { number, bytes } of reader.fields(start, end)) {
      if (number === KEY && bytes) key = reader.text(bytes, MAX_NAME_BYTES)
      if (number === VALUE) value = bytes
    }
    if (key === 'location') checkLocation(value ? reader.text(value, MAX_NAME_BYTES) : '', path)
  }

  look('model', 0, file.byteLength, 0)
  if (graphs === 0) throw new Error('is not an ONNX file: there is no graph in it')
}

function checkLocation(location: string, path: string): void {
  if (!PLAIN_NAME.test(location)) {
    throw new Error(`keeps weights in ${shown(location)}, which is not a file of the same folder`)
  }
  const file = join(dirname(path), location)
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
    throw new Error(`keeps weights in ${location}, which is not there`)
  }
}
