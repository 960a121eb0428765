import type { QuantizedTable } from '../engine/network.ts'

/** The largest magnitude of a weight; −128 is not used, so that the range is symmetric. */
const MAX_WEIGHT = 127

/** The smallest float of full precision: below it a scale is so coarse that a weight may come out over 127. */
const SMALLEST_SCALE = 2 ** -126

/**
 * Quantises a float matrix to INT8, symmetric, one scale a row: |error| ≤ scale / 2.
 *
 * @param values [rows, columns]
 * @throws Error where a value is not a finite number
 */
export function quantiseRows(values: Float32Array, rows: number, columns: number): QuantizedTable {
  const table = { rows, columns, weights: sharedInt8(rows * columns), scales: sharedFloat32(rows) }
  quantiseInto(table, values)
  return table
}

/** As `quantiseRows`, into rows that are there already. */
export function quantiseInto({ rows, columns, weights, scales }: QuantizedTable, values: Float32Array): void {
  for (let row = 0; row < rows; row++) {
    const start = row * columns
    let largest = 0
    for (let i = start; i < start + columns; i++) largest = Math.max(largest, Math.abs(values[i]!))
    if (!Number.isFinite(largest)) throw new Error('a weight is not a finite number')
    const exact = Math.fround(largest / MAX_WEIGHT)
    // A row of zeros keeps a scale of one, so that nothing divides by zero.
    const scale = exact < SMALLEST_SCALE ? 1 : exact
    scales[row] = scale
    for (let i = start; i < start + columns; i++) weights[i] = roundHalfToEven(Math.fround(values[i]! / scale))
  }
}

/** Rounds as IEEE 754 and torch do, so that a reference in another language agrees to the last weight. */
function roundHalfToEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

/** Zeroed memory that worker threads may share. */
export function sharedFloat32(length: number): Float32Array<SharedArrayBuffer> {
  return new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT))
}

/** Zeroed memory that worker threads may share. */
export function sharedInt8(length: number): Int8Array<SharedArrayBuffer> {
  return new Int8Array(new SharedArrayBuffer(length))
}
