import { basename, dirname } from 'node:path'
import { runSubject } from './node-subject.ts'
import { loadPeer, versionOf } from './peer-package.ts'

/** `transformers-js.ts <fp32|q8> <folder of a checkpoint> <workloads>`: the pipeline, as its tutorial for Node has it. */
type Transformers = {
  env: { localModelPath: string; allowRemoteModels: boolean }
  pipeline(task: string, model: string, options: object): Promise<Pipeline>
}
type Pipeline = (texts: string[], options: { top_k: number }) => Promise<{ label: string; score: number }[][]>

const [dtype = '', folder = '', workloads = ''] = process.argv.slice(2)
const { env, pipeline } = loadPeer('@huggingface/transformers') as Transformers
env.localModelPath = dirname(folder)
env.allowRemoteModels = false
// fp32 is what Node gets where no dtype is given; it is left out here as it is there.
const options = dtype === 'fp32' ? {} : { dtype }
const classifier = await pipeline('text-classification', basename(folder), options)

await runSubject(
  {
    versions: {
      '@huggingface/transformers': versionOf('@huggingface/transformers'),
      'onnxruntime-node': versionOf('onnxruntime-node'),
    },
    listsAtOnce: 1,
    serve: true,
    async classify(texts) {
      const answers = await classifier(texts, { top_k: 2 })
      return answers.map((labels) => labels.find(({ label }) => label === 'POSITIVE')!.score)
    },
  },
  workloads,
)
