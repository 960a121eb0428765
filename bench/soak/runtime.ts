import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { InferenceSession } from 'onnxruntime-node'

/** The part of onnxruntime-node that Valence uses, which every version compared has. */
export type Runtime = Pick<typeof import('onnxruntime-node'), 'InferenceSession' | 'Tensor'>

/** Loads the onnxruntime-node that is installed in a folder, rather than the one of this repository. */
export function loadRuntime(folder: string): Runtime {
  return createRequire(join(folder, 'package.json'))('onnxruntime-node') as Runtime
}

/** The options of src/engine/onnx/backend.ts, which is what has to be leak-free and fast. */
export const SESSION_OPTIONS: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
  extra: { optimization: { disable_specified_optimizers: 'SkipLayerNormFusion' } },
}

/** Runs one text of ids 0, 1, 2, …, with new tensors, as the backend does. */
export async function runOnce({ Tensor }: Runtime, session: InferenceSession, tokens: number): Promise<Float32Array> {
  const ids = Int32Array.from({ length: tokens }, (_, index) => index)
  const outputs = await session.run({
    input_ids: new Tensor('int32', ids, [tokens]),
    ...(session.inputNames.includes('type_ids') && {
      type_ids: new Tensor('int32', new Int32Array(tokens), [tokens]),
    }),
  })
  return outputs.logits?.data as Float32Array
}
