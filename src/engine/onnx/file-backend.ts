import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { EncodedText, PackAnswer } from '../backend.ts'
import type { OnnxFile } from '../network.ts'
import type { SessionBackend } from './backend.ts'

/** The inputs that exporters give a classifier, all int64 [batch, tokens]. */
const INPUTS: Record<string, (text: EncodedText) => Int32Array> = {
  input_ids: ({ ids }) => ids,
  attention_mask: ({ ids }) => new Int32Array(ids.length).fill(1),
  token_type_ids: ({ typeIds }) => typeIds,
}

const OUTPUT = 'logits'

/**
 * Runs a ready-made ONNX file, on this thread alone, one text at a time: so that its own, whole-tensor quantisation of
 * activations cannot make a text's scores depend on its batch-mates.
 *
 * @throws Error where it has other inputs or outputs than a text classifier's
 */
export async function onnxFileBackend({ onnxPath, labels }: OnnxFile): Promise<SessionBackend> {
  const session = await InferenceSession.create(onnxPath, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    // Errors only: its warnings are about how the file was exported.
    logSeverityLevel: 3,
  })
  const unknown = session.inputNames.find((name) => !Object.hasOwn(INPUTS, name))
  if (unknown !== undefined || !session.inputNames.includes('input_ids')) {
    throw new Error(
      `${onnxPath}: its inputs are ${session.inputNames.join(', ')}; those of a text classifier are ${Object.keys(INPUTS).join(', ')}`,
    )
  }
  const output = session.outputNames.includes(OUTPUT) ? OUTPUT : session.outputNames[0]!

  async function runText(text: EncodedText): Promise<PackAnswer> {
    const started = performance.now()
    const shape = [1, text.ids.length]
    const feeds = Object.fromEntries(
      session.inputNames.map((name) => [
        name,
        new Tensor('int64', BigInt64Array.from(INPUTS[name]!(text), BigInt), shape),
      ]),
    )
    const { [output]: logits } = await session.run(feeds, [output])
    if (logits?.type !== 'float32' || logits.size !== labels) {
      throw new Error(
        `${onnxPath}: its output ${output} is ${logits?.type} of [${logits?.dims.join(', ')}]; config.json has ${labels} labels`,
      )
    }
    return { logits: logits.data as Float32Array, inferenceMs: performance.now() - started }
  }

  // A file that does not fit shows it at the start, not at the first request.
  await runText({ ids: Int32Array.of(0, 0), typeIds: Int32Array.of(0, 0) })
  return {
    async run(pack) {
      const answers: PackAnswer[] = []
      for (const text of pack) answers.push(await runText(text))
      return answers
    },
    close: () => session.release(),
  }
}
