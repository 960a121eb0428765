import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { WeightType } from './graph.ts'
import { createModelFile } from './model-file.ts'

/** Long enough for every kernel to take its vector path. */
const LENGTH = 64
const LARGEST_ACTIVATION = 255
const LARGEST_WEIGHT = 127

/**
 * Finds out which type of weights this machine multiplies exactly.
 *
 * Without VNNI, ONNX Runtime's x86 kernels multiply uint8 by int8 with `vpmaddubsw`, which adds two products in 16 bits
 * and saturates: 2 · 255 · 127 is over 32,767, and the scores come out wrong without a word. uint8 by uint8 is exact
 * everywhere, but slower where VNNI is. So one product of the largest numbers is run, and its sum looked at.
 */
export async function exactWeightType(): Promise<WeightType> {
  const file = createModelFile()
  const activations = file.constant('uint8', [1, LENGTH], new Uint8Array(LENGTH).fill(LARGEST_ACTIVATION))
  const weightInput = file.input('weights', 'int8', [LENGTH, LENGTH])
  const model = file.finish(file.node('MatMulInteger', [activations, weightInput]), 'sums', 'int32', [1, LENGTH])
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1 })
  const weights = new Tensor('int8', new Int8Array(LENGTH * LENGTH).fill(LARGEST_WEIGHT), [LENGTH, LENGTH])
  const { sums } = (await session.run({ weights })) as { sums: Tensor }
  await session.release()
  const exact = LENGTH * LARGEST_ACTIVATION * LARGEST_WEIGHT
  return (sums.data as Int32Array).every((sum) => sum === exact) ? 'int8' : 'uint8'
}
