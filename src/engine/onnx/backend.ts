import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { Backend, EncodedText, PackAnswer } from '../backend.ts'
import type { FloatNetwork, Network } from '../network.ts'
import { INPUT_IDS, LOGITS, onnxFloatModel, onnxModel, TYPE_IDS, type WeightType } from './graph.ts'
import { exactWeightType } from './weight-type.ts'

/** A property of the machine, so found out once a thread, not once a model. */
let weightType: Promise<WeightType> | undefined

/** A backend that gives its memory back when it is closed. */
export type SessionBackend = Backend & { close(): Promise<void> }

const SESSION_OPTIONS: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  // Errors only: its warnings are about the graph, which is ours and tested.
  logSeverityLevel: 3,
}

/** Runs a network in ONNX Runtime, on this thread alone: a core is a worker's, and workers share no thread pool. */
export async function onnxBackend(network: Network): Promise<SessionBackend> {
  weightType ??= exactWeightType()
  return sessionBackend(await InferenceSession.create(onnxModel(network, await weightType), SESSION_OPTIONS))
}

/**
 * Runs a network of floats in ONNX Runtime: the reference that INT8 is measured against, not a way to serve.
 *
 * @param threads the most it may use at a time
 */
export async function onnxFloatBackend(network: FloatNetwork, threads: number): Promise<SessionBackend> {
  const { model, externalData } = onnxFloatModel(network)
  const options = { ...SESSION_OPTIONS, intraOpNumThreads: threads, externalData }
  return sessionBackend(await InferenceSession.create(model, options))
}

function sessionBackend(session: InferenceSession): SessionBackend {
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
    close: () => session.release(),
  }
}
