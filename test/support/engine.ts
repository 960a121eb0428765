import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { EMBEDDED_MODEL_ID } from '../../src/catalog/catalog.ts'
import { readModelFolder } from '../../src/convert/model-folder.ts'
import type { EncodedText } from '../../src/engine/backend.ts'
import { createEngine, type Engine } from '../../src/engine/engine.ts'
import type { Network } from '../../src/engine/network.ts'
import type { BackendChoice } from '../../src/engine/pools.ts'
import { createTokenizer } from '../../src/engine/tokenizer/tokenizer.ts'

export const MODEL = EMBEDDED_MODEL_ID

const FOLDER = fileURLToPath(new URL('../../models/minilm-sst-2-int8/', import.meta.url))

/** The embedded model's network, and its tokenizer. */
export function embeddedModel(): { network: Network; encode: (text: string) => EncodedText } {
  const { network, tokenizerFiles } = readModelFolder(FOLDER)
  const tokenizer = createTokenizer(tokenizerFiles, { maxTokens: network.maxTokens })
  return { network, encode: (text) => tokenizer.encode(text) }
}

/** An engine with the embedded model. */
export async function embeddedEngine({
  workers = 2,
  maxWaiting = 10_000,
  backend = 'auto',
  onWorkerFailure = unexpected,
}: {
  workers?: number
  maxWaiting?: number
  backend?: BackendChoice
  onWorkerFailure?: (error: Error) => void
} = {}): Promise<Engine> {
  const { config, network, tokenizerFiles, golden } = readModelFolder(FOLDER)
  const engine = createEngine({ backend, workers, maxWaiting, maxWaitingTokens: 10_000_000, onWorkerFailure })
  await engine.load({
    id: MODEL,
    network,
    makeTokenizer: () => createTokenizer(tokenizerFiles, { maxTokens: network.maxTokens }),
    golden: golden ?? [],
    labels: config.labels,
    activation: 'softmax',
  })
  return engine
}

function unexpected(error: Error): void {
  throw error
}

/** A signal for work that nobody gives up. */
export function never(): AbortSignal {
  return new AbortController().signal
}

/** Texts of every length up to some 700 tokens, all different, the same in every run. */
export function variousTexts(count: number): string[] {
  const words = Object.keys((JSON.parse(readFileSync(`${FOLDER}tokenizer.json`, 'utf8')) as Vocabulary).model.vocab)
    .filter((word) => /^[a-z]{3,}$/.test(word))
    .slice(0, 5000)
  let state = 12345
  const random = () => {
    state = (state * 1103515245 + 12345) % 2 ** 31
    return state / 2 ** 31
  }
  return Array.from({ length: count }, (_, index) => {
    const length = 1 + Math.floor((index % 10 === 9 ? 700 : 40) * random())
    return Array.from({ length }, () => words[Math.floor(random() * words.length)]).join(' ')
  })
}

type Vocabulary = { model: { vocab: Record<string, number> } }
