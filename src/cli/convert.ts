import { createReadStream, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { defineCommand } from 'citty'
import { findModel } from '../catalog/catalog.ts'
import { findModelFolder, type ModelPlaces } from '../catalog/folder.ts'
import { type ConversionReport, type ConversionStep, convertModel } from '../convert/convert.ts'
import { configFrom, SETTING_FLAGS, UsageError } from './settings.ts'

const ARGS = {
  model: { type: 'positional', required: false, description: 'folder with the checkpoint, or id of a model' },
  out: { type: 'string', description: 'folder to write (default: the folder’s name with -int8, or the model’s place)' },
  texts: { type: 'string', description: 'file of texts to compare INT8 with fp32 on, one a line; - is standard input' },
  json: { type: 'boolean', description: 'print the report as JSON' },
  'models-dir': SETTING_FLAGS['models-dir']!,
} as const

/** fp32 takes some 20 ms a text, so these are a few minutes. */
const MAX_TEXTS = 10_000

const PROGRESS_EVERY_MS = 200

export const convert = defineCommand({
  meta: { name: 'convert', description: 'Convert a checkpoint to INT8, and report what that costs in accuracy' },
  args: ARGS,
  async run({ args }) {
    const { modelsDir, hub } = configFrom(args, ARGS)
    const [name, ...others] = args._
    if (name === undefined) throw new UsageError('convert needs a folder with a checkpoint, or the id of a model.')
    if (others.length > 0) throw new UsageError(`convert takes one model, but was given ${others[0]} as well.`)
    const { from, to } = placesOf(name, { modelsDir, hubCacheDir: hub.cacheDir })
    const out = args.out === undefined ? to : resolve(args.out)
    const texts = args.texts === undefined ? undefined : await readTexts(args.texts)
    const onStep = progress()
    const report = await convertModel({ from, to: out, texts, onStep, signal: interrupted() }).catch(asUsersMistake)
    const source = texts === undefined ? 'built-in' : 'given'
    console.log(args.json ? JSON.stringify({ from, to: out, ...report, source }) : asLines(from, out, report, source))
  },
})

/** Where the checkpoint is and where the result goes unless --out says. */
function placesOf(name: string, places: ModelPlaces): { from: string; to: string } {
  if (statSync(name, { throwIfNoEntry: false })?.isDirectory()) {
    const from = resolve(name)
    return { from, to: `${from}-int8` }
  }
  const model = findModel(name)
  if (!model) throw new UsageError(`There is no folder ${name}, and no model of that name.`)
  const { modelsDir } = places
  const location = findModelFolder(model, places)
  if (location === undefined || modelsDir === undefined) {
    throw new UsageError(`The files of ${model.id} are not here; give their folder, or --models-dir.`)
  }
  return { from: location.folder, to: join(resolve(modelsDir), ...model.id.split('/')) }
}

async function readTexts(path: string): Promise<string[]> {
  const input = path === '-' ? process.stdin : createReadStream(path)
  if (path === '-' && process.stdin.isTTY) console.error('Reading texts from the terminal, one a line; Ctrl-D ends.')
  const texts: string[] = []
  try {
    // A stream's errors do not reach readline's iterator.
    const failed = new Promise<never>((_, reject) => input.once('error', reject))
    const read = async () => {
      for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
        if (line.trim() !== '') texts.push(line)
        if (texts.length > MAX_TEXTS) throw new UsageError(`--texts takes at most ${MAX_TEXTS} texts.`)
      }
    }
    await Promise.race([read(), failed])
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`--texts: ${path} cannot be read: ${(error as Error).message}`)
  }
  if (texts.length === 0)
    throw new UsageError(`--texts: there is no text in ${path === '-' ? 'standard input' : path}.`)
  return texts
}

function asLines(from: string, to: string, report: ConversionReport, source: 'built-in' | 'given'): string {
  const { bytesBefore, bytesAfter, elapsedMs, peakBytes, texts } = report
  const { labelAgreement, meanScoreDifference, largestScoreDifference } = report
  const built =
    source === 'built-in' ? `${texts} built-in texts; --texts takes yours, which say more` : `${texts} texts`
  return [
    `Converted ${from}`,
    `       to ${to}`,
    `  weights  ${megabytes(bytesBefore)} → ${megabytes(bytesAfter)}`,
    `  took     ${(elapsedMs / 1000).toFixed(1)} s, ${megabytes(peakBytes)} of memory at most`,
    `  INT8 against fp32, on ${built}:`,
    ...(labelAgreement === undefined ? [] : [`  labels   ${(100 * labelAgreement).toFixed(2)}% the same`]),
    `  scores   differ by ${meanScoreDifference.toFixed(4)} in the mean, ${largestScoreDifference.toFixed(4)} at most`,
  ].join('\n')
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

/** Rewrites one line on a terminal; in a pipe it stays quiet. */
function progress(): (step: ConversionStep, done: number, of: number) => void {
  if (!process.stderr.isTTY) return () => {}
  let last = 0
  return (step, done, of) => {
    const now = performance.now()
    if (done > 0 && done < of && now - last < PROGRESS_EVERY_MS) return
    last = now
    const count = of > 1 ? ` ${done}/${of} texts` : ''
    process.stderr.write(`\r\u001B[K${step === 'running INT8' && done === of ? '' : `${step}${count}`}`)
  }
}

/** Ctrl-C leaves nothing half written behind. */
function interrupted(): AbortSignal {
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort(new UsageError('interrupted; nothing was written.')))
  return controller.signal
}

/** A checkpoint that cannot be converted is told in one line, like any mistake. */
function asUsersMistake(error: unknown): never {
  // A fault in the program keeps its stack.
  if (!(error instanceof Error) || error instanceof TypeError || error instanceof RangeError) throw error
  throw new UsageError(error.message, { cause: error })
}
