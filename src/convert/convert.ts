import { readdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { EncodedText } from '../engine/backend.ts'
import { onnxBackend, onnxFloatBackend, type SessionBackend } from '../engine/onnx/backend.ts'
import { createTokenizer } from '../engine/tokenizer/tokenizer.ts'
import { defaultActivation } from './activation.ts'
import { floatNetworkFromCheckpoint } from './checkpoint.ts'
import { type Comparison, compare } from './comparison.ts'
import { GOLDEN_FILE, goldenJson } from './golden.ts'
import { isThere } from './model-files.ts'
import { readConfigFile, readModelFolder, readTokenizerFiles } from './model-folder.ts'
import { SAMPLE_TEXTS } from './sample-texts.ts'
import { inFile } from './text-file.ts'
import { openFloatCheckpoint, writeConverted } from './write.ts'

export type ConversionReport = Comparison & {
  /** sizes of the weights' files */
  bytesBefore: number
  bytesAfter: number
  elapsedMs: number
  /** the most memory that the process has had */
  peakBytes: number
}

export type ConversionStep = 'quantising' | 'running fp32' | 'running INT8'

/**
 * Converts a checkpoint of floats to INT8 and measures what that cost in accuracy.
 *
 * The folder appears whole or not at all: it is written beside its place and renamed. Its golden texts are the built-in
 * samples with the logits of fp32.
 *
 * @param texts what fp32 and INT8 are compared on; the built-in samples where there are none
 * @param onStep told how many of the step's texts are done
 * @throws Error where `to` is there already, or that names the file and what is wrong with it; the signal's reason where
 *   it is aborted
 */
export async function convertModel(options: {
  from: string
  to: string
  texts: readonly string[] | undefined
  onStep: (step: ConversionStep, done: number, of: number) => void
  signal: AbortSignal
}): Promise<ConversionReport> {
  const { from, to, onStep, signal } = options
  const startedAt = performance.now()
  if (isThere(to) && !isEmptyFolder(to)) throw new Error(`${to} is there already; remove it, or name another place.`)
  openFloatCheckpoint(from).close()
  const partial = join(dirname(to), `.${process.pid}-${Date.now()}.converting`)
  try {
    const encode = encoder(from)
    const samples = SAMPLE_TEXTS.map(({ text, pair }) => encode(text, pair))
    const texts = options.texts?.map((text) => encode(text)) ?? []
    const all = [...samples, ...texts]
    // First, since it needs the most memory, and nothing else is there yet.
    const reference = await logitsOfFloats(from, all, (done) => onStep('running fp32', done, all.length), signal)
    onStep('quantising', 0, 1)
    const sizes = writeConverted(from, partial)
    onStep('quantising', 1, 1)
    writeGolden(partial, samples, reference)
    const measured = await logitsOfInt8(partial, all, (done) => onStep('running INT8', done, all.length), signal)
    const config = readConfigFile(from)
    const first = options.texts === undefined ? 0 : samples.length
    const comparison = compare(reference.slice(first), measured.slice(first), {
      activation: defaultActivation(config),
      problemType: config.problemType,
    })
    // Only ever an empty folder, as was seen above; rmdir removes no other.
    if (isThere(to)) rmdirSync(to)
    renameSync(partial, to)
    const peakBytes = process.resourceUsage().maxRSS * 1024
    return { ...sizes, ...comparison, elapsedMs: performance.now() - startedAt, peakBytes }
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
}

/**
 * Writes the golden texts of a folder that was converted without them.
 *
 * @param from the checkpoint of floats
 * @param to the converted folder, whose tokenizer is used
 */
export async function addGolden(from: string, to: string): Promise<void> {
  const encode = encoder(to)
  const samples = SAMPLE_TEXTS.map(({ text, pair }) => encode(text, pair))
  const logits = await logitsOfFloats(from, samples, () => {}, new AbortController().signal)
  writeGolden(to, samples, logits)
}

function writeGolden(folder: string, samples: readonly EncodedText[], logits: readonly Float32Array[]): void {
  const texts = samples.map((sample, index) => ({ ...sample, logits: logits[index]! }))
  writeFileSync(join(folder, GOLDEN_FILE), goldenJson(texts))
}

function isEmptyFolder(path: string): boolean {
  try {
    return readdirSync(path).length === 0
  } catch {
    return false
  }
}

/** @returns what makes tokens of texts, and refuses those that the network has no words for */
function encoder(folder: string): (text: string, pair?: string) => EncodedText {
  const { positions, vocabulary } = readConfigFile(folder)
  const files = readTokenizerFiles(folder)
  const tokenizer = inFile(folder, '', () => createTokenizer(files, { maxTokens: positions }))
  return (text, pair) => {
    const { ids, typeIds } = tokenizer.encode(text, pair)
    const unknown = ids.find((id) => id >= vocabulary)
    if (unknown !== undefined) {
      throw new Error(`${folder}: the tokenizer gives the id ${unknown}; config.json has a vocab_size of ${vocabulary}`)
    }
    return { ids, typeIds }
  }
}

async function logitsOfFloats(folder: string, ...rest: RunArguments): Promise<Float32Array[]> {
  const checkpoint = openFloatCheckpoint(folder)
  try {
    const network = floatNetworkFromCheckpoint(readConfigFile(folder), checkpoint.tensors)
    return await runAll(await onnxFloatBackend(network, availableParallelism()), ...rest)
  } finally {
    checkpoint.close()
  }
}

/** Runs what was written, read as the server reads it. */
async function logitsOfInt8(folder: string, ...rest: RunArguments): Promise<Float32Array[]> {
  return runAll(await onnxBackend(readModelFolder(folder).network), ...rest)
}

type RunArguments = [texts: readonly EncodedText[], onDone: (done: number) => void, signal: AbortSignal]

async function runAll(backend: SessionBackend, ...[texts, onDone, signal]: RunArguments): Promise<Float32Array[]> {
  const all: Float32Array[] = []
  try {
    for (const text of texts) {
      // ONNX Runtime holds the thread; between texts, signals and progress get their turn.
      await setImmediate()
      signal.throwIfAborted()
      const [answer] = await backend.run([text])
      all.push(answer!.logits)
      onDone(all.length)
    }
    return all
  } finally {
    await backend.close()
  }
}
