import { Buffer } from 'node:buffer'
import type { FloatTable, QuantizedTable, UnreadPiece } from '../engine/network.ts'
import { readFloats } from './floats.ts'
import { quantiseInto, sharedFloat32, sharedInt8 } from './quantise.ts'
import type { StoredTensor } from './safetensors.ts'
import { type WrittenTensor, writtenFloats } from './write-safetensors.ts'

/** What every form of a matrix has. */
export type Matrix = { rows: number; columns: number }

/** Takes a piece of a file that somebody is to read later, or has it read by `read`, which throws what is wrong with it. */
export type Later = (piece: UnreadPiece, read: () => void) => void

/** A form that matrices are kept in, filled some rows at a time. */
export type RowFormat<Rows extends Matrix> = {
  /** Zeroed rows on memory that worker threads may share. */
  allocate(rows: number, columns: number): Rows
  /**
   * Fills all of `rows` from a tensor of as many.
   *
   * @param scales the tensor's scales, which one of INT8 has beside it
   * @param later gets what can be taken as it lies in the file; without it all is read at once
   * @throws Error where the tensor is not what this form can be made of
   */
  fill(rows: Rows, tensor: StoredTensor, scales: (() => StoredTensor) | undefined, later: Later | undefined): void
  /** A view of the rows from `from` up to `to`. */
  view(rows: Rows, from: number, to: number): Rows
  /** The rows as tensors of a file, with what each one's name ends in. */
  tensors(rows: Rows): [suffix: string, WrittenTensor][]
}

/** The engine's INT8: taken as it is where the file has it, made from floats otherwise. */
export const INT8_ROWS: RowFormat<QuantizedTable> = {
  allocate: (rows, columns) => ({
    rows,
    columns,
    weights: sharedInt8(rows * columns),
    scales: sharedFloat32(rows),
  }),
  fill(rows, tensor, scales, later) {
    if (tensor.dtype === 'I8') takeInt8(rows, tensor, scales, later)
    else quantise(rows, tensor)
  },
  view: ({ columns, weights, scales }, from, to) => ({
    rows: to - from,
    columns,
    weights: weights.subarray(from * columns, to * columns),
    scales: scales.subarray(from, to),
  }),
  tensors: ({ rows, columns, weights, scales }) => [
    ['_scale', writtenFloats([rows, 1], scales)],
    [
      '',
      {
        dtype: 'I8',
        shape: [rows, columns],
        bytes: new Uint8Array(weights.buffer, weights.byteOffset, weights.length),
      },
    ],
  ],
}

export const FLOAT_ROWS: RowFormat<FloatTable> = {
  allocate: (rows, columns) => ({ rows, columns, weights: sharedFloat32(rows * columns) }),
  fill: ({ weights }, tensor) => readFloats(tensor, 0, weights),
  view: ({ columns, weights }, from, to) => ({
    rows: to - from,
    columns,
    weights: weights.subarray(from * columns, to * columns),
  }),
  tensors: ({ rows, columns, weights }) => [['', writtenFloats([rows, columns], weights)]],
}

/** −128 as a byte. */
const LOWEST_BYTE = 0x80

function takeInt8(
  rows: QuantizedTable,
  tensor: StoredTensor,
  scales: (() => StoredTensor) | undefined,
  later: Later | undefined,
): void {
  if (!scales) throw new Error('is INT8; floats are needed here')
  const { weights } = rows
  if (later && tensor.place) later({ ...tensor.place, into: weights }, () => readInt8(weights, tensor))
  else readInt8(weights, tensor)
  readFloats(scales(), 0, rows.scales)
  if (rows.scales.some((scale) => scale < 0)) throw new Error('has a scale below zero')
}

function readInt8(weights: Int8Array, tensor: StoredTensor): void {
  const bytes = Buffer.from(weights.buffer, weights.byteOffset, weights.byteLength)
  tensor.read(bytes, 0)
  // The engine's kernels count on a symmetric range. Buffer's search is the fast one.
  if (bytes.includes(LOWEST_BYTE)) throw new Error('has a weight of −128; INT8 weights are from −127 to 127')
}

/** So much of a tensor is decoded at a time: the floats of a whole checkpoint are never in memory at once. */
const BLOCK_ELEMENTS = 256 * 1024

function quantise(rows: QuantizedTable, tensor: StoredTensor): void {
  const { columns } = rows
  const blockRows = Math.min(rows.rows, Math.max(1, Math.floor(BLOCK_ELEMENTS / columns)))
  const block = new Float32Array(blockRows * columns)
  for (let row = 0; row < rows.rows; row += blockRows) {
    const end = Math.min(row + blockRows, rows.rows)
    const floats = block.subarray(0, (end - row) * columns)
    readFloats(tensor, row * columns, floats)
    quantiseInto(INT8_ROWS.view(rows, row, end), floats)
  }
}
