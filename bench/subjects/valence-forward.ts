import { readConfig } from '../../src/config.ts'
import { readModelFolder } from '../../src/convert/model-folder.ts'
import { activate } from '../../src/engine/activation.ts'
import type { EncodedText } from '../../src/engine/backend.ts'
import { PACK_TOKENS } from '../../src/engine/batcher.ts'
import { loadAddon } from '../../src/engine/native/addon.ts'
import { createPools } from '../../src/engine/pools.ts'
import { createTokenizer } from '../../src/engine/tokenizer/tokenizer.ts'
import { VERSION } from '../../src/version.ts'
import { runSubject } from './node-subject.ts'

/**
 * `valence-forward.ts <model's folder> <workloads>`: Valence's forward pass alone. Texts are tokenised once, before they
 * are timed, and packs go straight to the threads, with no queue, no engine and no HTTP.
 */
const [folder = '', workloads = ''] = process.argv.slice(2)

const LISTS_AT_ONCE = 4

const config = readConfig({}, process.env)
const { network, tokenizerFiles } = readModelFolder(folder)
const tokenizer = createTokenizer(tokenizerFiles, { maxTokens: network.maxTokens })
const encoded = new Map<string, EncodedText>()

const waiting: (() => void)[] = []
const pools = createPools({
  backend: config.backend,
  addon: loadAddon(),
  threads: config.workers,
  onFailure: (error) => {
    throw error
  },
  onIdle: () => waiting.shift()?.(),
})
const backend = await pools.load(folder, network, { golden: [], whileServing: false })

function encode(text: string): EncodedText {
  const known = encoded.get(text) ?? tokenizer.encode(text)
  encoded.set(text, known)
  return known
}

function packsOf(texts: readonly EncodedText[]): EncodedText[][] {
  const packs: EncodedText[][] = []
  let tokens = Number.POSITIVE_INFINITY
  for (const text of texts) {
    if (tokens + text.ids.length > PACK_TOKENS) {
      packs.push([])
      tokens = 0
    }
    packs.at(-1)!.push(text)
    tokens += text.ids.length
  }
  return packs
}

async function run(pack: EncodedText[]): Promise<number[]> {
  while (!pools.canTake(folder)) await new Promise<void>((free) => waiting.push(free))
  const answers = await pools.run(folder, pack)
  return answers.map(({ logits }) => activate(logits, 'softmax')[1]!)
}

await runSubject(
  {
    versions: { valence: VERSION, workers: config.workers, backend },
    listsAtOnce: LISTS_AT_ONCE,
    serve: false,
    prepare: (texts) => texts.forEach(encode),
    async classify(texts) {
      return (await Promise.all(packsOf(texts.map(encode)).map(run))).flat()
    },
  },
  workloads,
)
