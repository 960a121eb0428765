import type { StoredTensor } from './safetensors.ts'

/** How the float types that are not float32 are decoded, an element at a time. */
const DECODERS: Record<string, { bytes: number; decode: (view: DataView, at: number) => number }> = {
  F16: { bytes: 2, decode: (view, at) => halfToFloat(view.getUint16(at, true)) },
  BF16: { bytes: 2, decode: (view, at) => upperHalfToFloat(view.getUint16(at, true)) },
  F64: { bytes: 8, decode: (view, at) => view.getFloat64(at, true) },
}

/** Elements that are decoded at a time. */
const BLOCK_ELEMENTS = 16 * 1024

/**
 * Reads elements of a tensor of any float type as 32-bit floats: as many as `into` holds, from element `from` on.
 *
 * @throws Error where it has another type or a number is not finite
 */
export function readFloats(tensor: StoredTensor, from: number, into: Float32Array): void {
  if (tensor.dtype === 'F32') {
    tensor.read(new Uint8Array(into.buffer, into.byteOffset, into.byteLength), from * Float32Array.BYTES_PER_ELEMENT)
  } else {
    const decoder = DECODERS[tensor.dtype]
    if (!decoder) throw new Error(`has the type ${tensor.dtype}; floats are needed here`)
    const { bytes, decode } = decoder
    const block = new DataView(new ArrayBuffer(Math.min(BLOCK_ELEMENTS, into.length) * bytes))
    for (let start = 0; start < into.length; start += BLOCK_ELEMENTS) {
      const count = Math.min(BLOCK_ELEMENTS, into.length - start)
      tensor.read(new Uint8Array(block.buffer, 0, count * bytes), (from + start) * bytes)
      for (let i = 0; i < count; i++) into[start + i] = decode(block, i * bytes)
    }
  }
  if (!allFinite(into)) throw new Error('has a number that is not finite')
}

function allFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false
  return true
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

const scratch = new DataView(new ArrayBuffer(4))

/** A bfloat16 is the upper half of a float32. */
function upperHalfToFloat(bits: number): number {
  scratch.setUint16(0, bits)
  return scratch.getFloat32(0)
}
