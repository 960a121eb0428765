import type { FloatLinear, LayerNorm, QuantizedLinear, QuantizedTable } from '../engine/network.ts'
import { quantiseRows, sharedFloat32, sharedInt8 } from './quantise.ts'
import type { StoredTensor } from './safetensors.ts'

/** Reads the tensors of one checkpoint by name, checking each one's shape. */
export type TensorReader = {
  has(name: string): boolean
  floats(name: string, shape: number[]): Float32Array
  layerNorm(name: string, width: number): LayerNorm
  /** a table of rows, quantised here if the file holds floats */
  table(name: string, rows: number, columns: number): QuantizedTable
  linear(name: string, rows: number, columns: number): QuantizedLinear
  floatLinear(name: string, rows: number, columns: number): FloatLinear
}

/**
 * @param prefix what stands before every name of the encoder, such as `bert.`; names without it are found as well,
 *   because a checkpoint saved from the bare encoder has none
 * @throws Error naming the tensor that is missing or of another shape
 */
export function tensorReader(tensors: ReadonlyMap<string, StoredTensor>, prefix: string): TensorReader {
  function find(name: string): StoredTensor | undefined {
    return tensors.get(prefix + name) ?? tensors.get(name)
  }

  function stored(name: string, shape: number[]): StoredTensor {
    const tensor = find(name) ?? find(oldName(name))
    if (!tensor) throw new Error(`the checkpoint has no tensor ${prefix}${name}`)
    if (tensor.shape.length !== shape.length || tensor.shape.some((size, axis) => size !== shape[axis])) {
      throw new Error(
        `tensor ${name} has the shape ${JSON.stringify(tensor.shape)}; config.json asks for ${JSON.stringify(shape)}`,
      )
    }
    return tensor
  }

  const reader: TensorReader = {
    has: (name) => find(name) !== undefined,
    floats: (name, shape) => decodeFloats(name, stored(name, shape)),
    layerNorm: (name, width) => ({
      weight: reader.floats(`${name}.weight`, [width]),
      bias: reader.floats(`${name}.bias`, [width]),
    }),
    table(name, rows, columns) {
      const tensor = stored(`${name}.weight`, [rows, columns])
      if (tensor.dtype !== 'I8') return quantiseRows(decodeFloats(name, tensor), rows, columns)
      const weights = sharedInt8(rows * columns)
      weights.set(new Int8Array(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.byteLength))
      return { rows, columns, weights, scales: reader.floats(`${name}.weight_scale`, [rows, 1]) }
    },
    linear: (name, rows, columns) => ({
      ...reader.table(name, rows, columns),
      bias: reader.floats(`${name}.bias`, [rows]),
    }),
    floatLinear: (name, rows, columns) => ({
      rows,
      columns,
      weights: reader.floats(`${name}.weight`, [rows, columns]),
      bias: reader.floats(`${name}.bias`, [rows]),
    }),
  }
  return reader
}

/** Checkpoints converted from TensorFlow call a layer norm's weight and bias gamma and beta. */
function oldName(name: string): string {
  return name.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta')
}

/** Copies a tensor of any float type to 32-bit floats in shared memory. */
function decodeFloats(name: string, { dtype, bytes }: StoredTensor): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (dtype === 'F32') {
    const floats = sharedFloat32(bytes.byteLength / 4)
    new Uint8Array(floats.buffer).set(bytes)
    return floats
  }
  if (dtype === 'BF16') {
    // A bfloat16 is the upper half of a float32.
    const floats = sharedFloat32(bytes.byteLength / 2)
    const bits = new Uint32Array(floats.buffer)
    for (let i = 0; i < bits.length; i++) bits[i] = view.getUint16(i * 2, true) << 16
    return floats
  }
  if (dtype === 'F16')
    return sharedFloat32(bytes.byteLength / 2).map((_, i) => halfToFloat(view.getUint16(i * 2, true)))
  if (dtype === 'F64') return sharedFloat32(bytes.byteLength / 8).map((_, i) => view.getFloat64(i * 8, true))
  throw new Error(`tensor ${name} has the type ${dtype}; floats are needed here`)
}

/** IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * 2 ** -14 * (fraction / 1024)
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024)
}
