import type { FloatLinear, LayerNorm } from '../engine/network.ts'
import { readFloats } from './floats.ts'
import { sharedFloat32 } from './quantise.ts'
import type { Later, Matrix, RowFormat } from './rows.ts'
import type { StoredTensor } from './safetensors.ts'
import { type WrittenTensor, writtenFloats } from './write-safetensors.ts'

/** A checkpoint's tensors by name. */
export type Tensors = ReadonlyMap<string, StoredTensor>

/** Told of a tensor that was read, in the form that it was read into. */
export type OnRead = (name: string, tensor: WrittenTensor) => void

/** What becomes of tensors beside the network that is made of them. */
export type Reading = { onRead?: OnRead; later?: Later }

export type Bias = {
  /** [rows] */
  bias: Float32Array
}

/** Reads the tensors of one checkpoint by name, checking each one's shape. */
export type TensorReader<Rows extends Matrix> = {
  floats(name: string, shape: number[]): Float32Array
  layerNorm(name: string, width: number): LayerNorm
  /** a table of rows, in the reader's form */
  table(name: string, rows: number, columns: number): Rows
  linear(name: string, rows: number, columns: number): Rows & Bias
  /** Matrices over the same input, `rows` rows each, one below the other, so that one product computes them all. */
  stacked(names: string[], rows: number, columns: number): Rows & Bias
  floatLinear(name: string, rows: number, columns: number): FloatLinear
}

/**
 * @param prefix what stands before every name of the encoder, such as `bert.`; names without it are found as well,
 *   because a checkpoint saved from the bare encoder has none
 * @throws Error naming the tensor that is missing, of another shape, or not finite
 */
export function tensorReader<Rows extends Matrix>(
  tensors: Tensors,
  prefix: string,
  format: RowFormat<Rows>,
  { onRead = () => {}, later }: Reading = {},
): TensorReader<Rows> {
  /** @returns the name in the file as well, without what TensorFlow once called it */
  function find(name: string): { fullName: string; tensor: StoredTensor } | undefined {
    for (const fullName of [prefix + name, name]) {
      const tensor = tensors.get(fullName) ?? tensors.get(oldName(fullName))
      if (tensor) return { fullName, tensor }
    }
    return undefined
  }

  function stored(name: string, shape: number[]): { fullName: string; tensor: StoredTensor } {
    const found = find(name)
    if (!found) throw new Error(`the checkpoint has no tensor ${prefix}${name}`)
    const { tensor } = found
    if (tensor.shape.length !== shape.length || tensor.shape.some((size, axis) => size !== shape[axis])) {
      throw new Error(
        `tensor ${name} has the shape ${JSON.stringify(tensor.shape)}; config.json asks for ${JSON.stringify(shape)}`,
      )
    }
    return found
  }

  function fillFloats(name: string, shape: number[], into: Float32Array): void {
    const { fullName, tensor } = stored(name, shape)
    named(fullName, () => readFloats(tensor, 0, into))
    onRead(fullName, writtenFloats(shape, into))
  }

  /** @returns the matrices one below the other; nothing is allocated before all are known to be in the file */
  function stackedTable(names: string[], rows: number, columns: number): Rows {
    const parts = names.map((name) => ({ name, ...stored(`${name}.weight`, [rows, columns]) }))
    const whole = format.allocate(parts.length * rows, columns)
    for (const [index, { name, fullName, tensor }] of parts.entries()) {
      const part = format.view(whole, index * rows, (index + 1) * rows)
      const scales = () => stored(`${name}.weight_scale`, [rows, 1]).tensor
      const laterByName: Later | undefined = later && ((piece, read) => later(piece, () => named(fullName, read)))
      named(fullName, () => format.fill(part, tensor, tensor.dtype === 'I8' ? scales : undefined, laterByName))
      for (const [suffix, written] of format.tensors(part)) onRead(fullName + suffix, written)
    }
    return whole
  }

  const reader: TensorReader<Rows> = {
    floats(name, shape) {
      // Before memory is taken, the file must be known to have as much.
      stored(name, shape)
      const floats = sharedFloat32(shape.reduce((product, size) => product * size, 1))
      fillFloats(name, shape, floats)
      return floats
    },
    layerNorm: (name, width) => ({
      weight: reader.floats(`${name}.weight`, [width]),
      bias: reader.floats(`${name}.bias`, [width]),
    }),
    table: (name, rows, columns) => stackedTable([name], rows, columns),
    linear: (name, rows, columns) => reader.stacked([name], rows, columns),
    stacked(names, rows, columns) {
      const table = stackedTable(names, rows, columns)
      const bias = sharedFloat32(names.length * rows)
      for (const [index, name] of names.entries()) {
        fillFloats(`${name}.bias`, [rows], bias.subarray(index * rows, (index + 1) * rows))
      }
      return { ...table, bias }
    },
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

/** Puts the tensor's name before the message of an error. */
function named<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new Error(`tensor ${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}
