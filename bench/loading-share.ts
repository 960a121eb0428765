import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type WrittenTensor, writeSafetensors, writtenFloats } from '../src/convert/write-safetensors.ts'
import { post } from '../test/support/http.ts'
import { startTestServer } from '../test/support/server.ts'
import { spreadOf } from './report/statistics.ts'

/**
 * What loading a model takes from the answers of another: clients ask the embedded model, alone and while a DistilBERT of
 * random fp32 weights is read, quantised and loaded on demand, in turn.
 *
 *   node bench/loading-share.ts [--clients 8] [--rounds 5] [--seconds 3]
 */
const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
  },
})
const clients = Number(values.clients)
const rounds = Number(values.rounds)

const EMBEDDED = 'valence/minilm-sst-2-int8'
const EMBEDDED_FOLDER = fileURLToPath(new URL('../models/minilm-sst-2-int8/', import.meta.url))

const [VOCABULARY, HIDDEN, INTERMEDIATE, LAYERS, POSITIONS] = [30_522, 768, 3072, 6, 512]

const modelsDir = mkdtempSync(join(tmpdir(), 'valence-loading-share-'))
writeCheckpoint(join(modelsDir, 'made-up', 'weights'))
// Each round asks for another name of the same files.
for (let round = 0; round < rounds; round++)
  symlinkSync(join(modelsDir, 'made-up', 'weights'), join(modelsDir, 'made-up', `round-${round}`))
const server = await startTestServer(['--models-dir', modelsDir])
let texts = 0

try {
  await answers(sleep(Number(values.seconds) * 1000))
  const measured: { alone: Figures; loading: Figures; loadMs: number }[] = []
  for (let round = 0; round < rounds; round++) {
    const alone = await answers(sleep(Number(values.seconds) * 1000))
    const startedAt = performance.now()
    const loaded = ask(`made-up/round-${round}`, { 'x-wait-for-model': 'true' })
    const loading = await answers(loaded)
    measured.push({ alone, loading, loadMs: performance.now() - startedAt })
  }
  console.table(
    Object.fromEntries([
      ...(['textsPerSecond', 'p50Ms', 'p99Ms', 'mostMs'] as const).flatMap((name) => [
        [`${name}, alone`, spread(measured.map(({ alone }) => alone[name]))],
        [`${name}, while loading`, spread(measured.map(({ loading }) => loading[name]))],
      ]),
      ['until the model answers, ms', spread(measured.map(({ loadMs }) => loadMs))],
    ]),
  )
} finally {
  await server.stop()
  rmSync(modelsDir, { recursive: true })
}

type Figures = { textsPerSecond: number; p50Ms: number; p99Ms: number; mostMs: number }

/** Lets all clients ask, one text after another, until something else is over. */
async function answers(until: Promise<unknown>): Promise<Figures> {
  const over = new AbortController()
  void until.finally(() => over.abort())
  const latenciesMs: number[] = []
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (!over.signal.aborted) {
        const sent = performance.now()
        await ask(EMBEDDED, { 'x-use-cache': 'false' })
        latenciesMs.push(performance.now() - sent)
      }
    }),
  )
  const elapsedMs = performance.now() - startedAt
  latenciesMs.sort((a, b) => a - b)
  const at = (share: number) => latenciesMs[Math.floor(share * (latenciesMs.length - 1))]!
  return { textsPerSecond: (1000 * latenciesMs.length) / elapsedMs, p50Ms: at(0.5), p99Ms: at(0.99), mostMs: at(1) }
}

async function ask(model: string, headers: Record<string, string>): Promise<void> {
  const { status } = await post(`${server.url}/models/${model}`, { inputs: `a fine film, number ${texts++}` }, headers)
  if (status !== 200) throw new Error(`${model} answered ${status}`)
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function spread(numbers: number[]) {
  const { median, least, most } = spreadOf(numbers)
  const rounded = (value: number) => Math.round(value * 100) / 100
  return { median: rounded(median), least: rounded(least), most: rounded(most) }
}

function writeCheckpoint(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const tensors = new Map<string, WrittenTensor>()
  const add = (name: string, ...shape: number[]) => {
    const floats = Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, madeUp)
    tensors.set(`distilbert.${name}`, writtenFloats(shape, floats))
  }
  const linear = (name: string, rows: number, columns: number) => {
    add(`${name}.weight`, rows, columns)
    add(`${name}.bias`, rows)
  }
  const norm = (name: string) => {
    add(`${name}.weight`, HIDDEN)
    add(`${name}.bias`, HIDDEN)
  }
  add('embeddings.word_embeddings.weight', VOCABULARY, HIDDEN)
  add('embeddings.position_embeddings.weight', POSITIONS, HIDDEN)
  norm('embeddings.LayerNorm')
  for (let layer = 0; layer < LAYERS; layer++) {
    const at = `transformer.layer.${layer}`
    for (const name of ['q_lin', 'k_lin', 'v_lin', 'out_lin']) linear(`${at}.attention.${name}`, HIDDEN, HIDDEN)
    linear(`${at}.ffn.lin1`, INTERMEDIATE, HIDDEN)
    linear(`${at}.ffn.lin2`, HIDDEN, INTERMEDIATE)
    norm(`${at}.sa_layer_norm`)
    norm(`${at}.output_layer_norm`)
  }
  linear('pre_classifier', HIDDEN, HIDDEN)
  linear('classifier', 2, HIDDEN)
  writeSafetensors(join(folder, 'model.safetensors'), tensors)
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    copyFileSync(join(EMBEDDED_FOLDER, name), join(folder, name))
  const config = {
    model_type: 'distilbert',
    vocab_size: VOCABULARY,
    dim: HIDDEN,
    hidden_dim: INTERMEDIATE,
    n_layers: LAYERS,
    n_heads: 12,
    max_position_embeddings: POSITIONS,
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
}

/** Not random, as it need not be; small, as weights are. */
function madeUp(_: unknown, index: number): number {
  return (((index * 7919) % 2003) - 1001) / 20_000
}
