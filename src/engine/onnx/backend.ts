import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { Backend, EncodedText, PackAnswer } from '../backend.ts'
import type { Network } from '../network.ts'
import { INPUT_IDS, LOGITS, onnxModel, TYPE_IDS, type WeightType } from './graph.ts'
import { exactWeightType } from './weight-type.ts'

/** A property of the machine, so found out once a thread, not once a model. */
let weightType: Promise<WeightType> | undefined

/** Runs a network in ONNX Runtime, on this thread alone: a core is a worker's, and workers share no thread pool. */
export async function onnxBackend(network: Network): Promise<Backend> {
  weightType ??= exactWeightType()
  const model = onnxModel(network, await weightType)
  const session = await InferenceSession.create(model, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    // Errors only: its warnings are about the graph, which is ours and tested.
    logSeverityLevel: 3,
  })
  const takesTypes = session.inputNames.includes(TYPE_IDS)

  async function runText({ ids, typeIds }: EncodedText): Promise<PackAnswer> {
    const started = performance.now()
    const shape = [ids.length]
    const outputs = await session.run({
      [INPUT_IDS]: new Tensor('int32', ids, shape),
      ...(takesTypes && { [TYPE_IDS]: new Tensor('int32', typeIds, shape) }),
    })
    const logits = outputs[LOGITS]?.data as Float32Array
    return { logits, inferenceMs: performance.now() - started }
  }

  return {
    async run(pack) {
      const answers: PackAnswer[] = []
      // One by one: kernels may add up in another order for another batch size, and a text would see its batch-mates.
      for (const text of pack) answers.push(await runText(text))
      return answers
    },
  }
}
