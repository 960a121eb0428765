import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type * as Runtime from 'onnxruntime-node'
import { runSubject } from './node-subject.ts'
import { loadPeer, versionOf } from './peer-package.ts'

/**
 * `onnxruntime.ts <folder of a checkpoint> <workloads>`: onnxruntime-node by itself on the file that ONNX Runtime's guide
 * makes, in its default session, with the Hub's JavaScript tokenizer.
 */
type Tokenizers = { Tokenizer: new (definition: object, config: object) => { encode(text: string): Encoding } }
type Encoding = { ids: number[]; token_type_ids?: number[] }

const MAX_TOKENS = 512
const [folder = '', workloads = ''] = process.argv.slice(2)
const { InferenceSession, Tensor } = loadPeer('onnxruntime-node') as typeof Runtime
const { Tokenizer } = loadPeer('@huggingface/tokenizers') as Tokenizers
const readJson = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as object
const tokenizer = new Tokenizer(readJson('tokenizer.json'), readJson('tokenizer_config.json'))
const session = await InferenceSession.create(join(`${folder}-onnxruntime`, 'model.onnx'))

/** Ids of each text, cut at the longest that the model reads, with [SEP] kept at the end. */
function encode(text: string): number[] {
  const { ids } = tokenizer.encode(text)
  return ids.length <= MAX_TOKENS ? ids : [...ids.slice(0, MAX_TOKENS - 1), ids.at(-1)!]
}

/** [texts, longest] of each input, padded with zeros, which is [PAD] and "not attended to". */
function inputsOf(texts: number[][]): Record<string, Runtime.Tensor> {
  const longest = Math.max(...texts.map((ids) => ids.length))
  const ids = new BigInt64Array(texts.length * longest)
  const mask = new BigInt64Array(texts.length * longest)
  for (const [row, text] of texts.entries()) {
    for (const [column, id] of text.entries()) {
      ids[row * longest + column] = BigInt(id)
      mask[row * longest + column] = 1n
    }
  }
  const tensor = (data: BigInt64Array) => new Tensor('int64', data, [texts.length, longest])
  const all = { input_ids: ids, attention_mask: mask, token_type_ids: new BigInt64Array(ids.length) }
  return Object.fromEntries(session.inputNames.map((name) => [name, tensor(all[name as keyof typeof all])]))
}

await runSubject(
  {
    versions: { 'onnxruntime-node': versionOf('onnxruntime-node') },
    listsAtOnce: 1,
    serve: true,
    async classify(texts) {
      const outputs = await session.run(inputsOf(texts.map(encode)))
      const logits = outputs.logits!.data as Float32Array
      return texts.map((_, row) => 1 / (1 + Math.exp(logits[row * 2]! - logits[row * 2 + 1]!)))
    },
  },
  workloads,
)
