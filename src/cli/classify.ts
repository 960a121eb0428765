import { createInterface } from 'node:readline'
import { defineCommand } from 'citty'
import { DEFAULT_MODEL_ID } from '../catalog/catalog.ts'
import { type Classifier, openClassifier } from '../classifier.ts'
import type { Classification } from '../engine/engine.ts'
import { ValenceError } from '../errors.ts'
import { configFrom, SETTING_FLAGS, UsageError } from './settings.ts'

const ARGS = {
  text: { type: 'positional', required: false, description: 'texts; without any, the lines of standard input' },
  json: {
    type: 'boolean',
    description: 'print one JSON object a line: text, label, score, scores, model, truncated',
  },
  model: { type: 'string', description: `id or alias of the model (default ${DEFAULT_MODEL_ID})` },
  'models-dir': SETTING_FLAGS['models-dir']!,
  'strict-models': SETTING_FLAGS['strict-models']!,
  workers: SETTING_FLAGS.workers!,
} as const

/** Enough texts at a time to keep every worker busy, few enough that a pipe sees its first answers soon. */
const CHUNK_TEXTS = 64

const PROGRESS_EVERY_MS = 500

export const classify = defineCommand({
  meta: { name: 'classify', description: 'Classify texts from the command line or standard input' },
  args: ARGS,
  async run({ args }) {
    const config = configFrom(args, ARGS)
    const texts = args._.length > 0 ? args._ : standardInput()
    const nobodyReads = closedOutput()
    const classifier = await openClassifier(config, {
      workerDied: (error) => console.error(error),
      unreadable: (model, error) => console.error(`warning: ${model.id}: ${(error as Error).message}`),
    })
    try {
      await classifyAll(classifier, args.model ?? DEFAULT_MODEL_ID, texts, args.json ? asJson : asLine, nobodyReads)
    } catch (error) {
      throw error instanceof ValenceError ? new UsageError(error.message) : error
    } finally {
      await classifier.close()
      // Standard input may stay open for ever; nobody waits for what it brings.
      if (nobodyReads.aborted) process.exit(0)
    }
  },
})

type Format = (text: string, result: Classification, model: string) => string

async function classifyAll(
  { engine, directory }: Classifier,
  modelName: string,
  texts: Iterable<string> | AsyncIterable<string>,
  format: Format,
  signal: AbortSignal,
): Promise<void> {
  const { model, servedBy } = directory.resolve(modelName)
  if (servedBy !== model.id)
    console.error(`warning: the weights of ${model.id} are not here; ${servedBy} answers in its place.`)
  const progress = createProgress()
  for await (const chunk of chunksOf(texts, CHUNK_TEXTS)) {
    const results = await engine.classify(
      servedBy,
      chunk.map((text) => ({ text })),
      { signal },
    )
    process.stdout.write(results.map((result, index) => `${format(chunk[index]!, result, servedBy)}\n`).join(''))
    progress.add(chunk.length)
  }
  progress.end()
}

function asLine(text: string, { scores, truncated }: Classification): string {
  const best = bestOf(scores)
  return `${best.label}\t${best.score.toFixed(4)}\t${text.replace(/\s+/g, ' ')}${truncated ? '\t(cut at the model’s longest text)' : ''}`
}

function asJson(text: string, { scores, truncated }: Classification, model: string): string {
  const { label, score } = bestOf(scores)
  return JSON.stringify({ text, label, score, scores, model, truncated })
}

function bestOf(scores: Classification['scores']) {
  return scores.reduce((best, candidate) => (candidate.score > best.score ? candidate : best))
}

async function* chunksOf(texts: Iterable<string> | AsyncIterable<string>, size: number): AsyncGenerator<string[]> {
  let chunk: string[] = []
  for await (const text of texts) {
    chunk.push(text)
    if (chunk.length < size) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}

/** A generator, so that reading begins when the model is loaded: what readline reads before that is lost. */
async function* standardInput(): AsyncGenerator<string> {
  if (process.stdin.isTTY) console.error('Reading texts from the terminal, one a line; Ctrl-D ends.')
  yield* createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })
}

/** Counts on the terminal while the answers go elsewhere; in a pipe or a terminal full of answers it stays quiet. */
function createProgress(): { add(count: number): void; end(): void } {
  const shown = process.stderr.isTTY && !process.stdout.isTTY
  let count = 0
  let last = performance.now()
  return {
    add(more) {
      count += more
      if (!shown || performance.now() - last < PROGRESS_EVERY_MS) return
      last = performance.now()
      process.stderr.write(`\r${count} texts`)
    },
    end() {
      if (shown) process.stderr.write(`\r${count} texts\n`)
    },
  }
}

/** Aborts when nobody reads our output any more, as in `valence classify | head`, which is no failure. */
function closedOutput(): AbortSignal {
  const controller = new AbortController()
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    controller.abort()
  })
  return controller.signal
}
