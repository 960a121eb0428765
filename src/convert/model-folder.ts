import { join } from 'node:path'
import type { Network, OnnxFile, Unread, UnreadPiece } from '../engine/network.ts'
import type { GoldenText } from '../engine/self-test.ts'
import { openFile } from './byte-source.ts'
import { networkFromCheckpoint } from './checkpoint.ts'
import { openCheckpoint } from './checkpoint-files.ts'
import { type ClassifierConfig, readClassifierConfig } from './config.ts'
import { readGolden } from './golden.ts'
import { CHECKPOINT_FILE, findOnnxFile, hasCheckpoint, isThere } from './model-files.ts'
import { checkOnnxFile } from './onnx-file.ts'
import type { StoredTensor } from './safetensors.ts'
import type { Tensors } from './tensors.ts'
import { inFile, readJsonFile, readTextFile } from './text-file.ts'

/** A model's files, read: what the engine needs to run it. */
export type ModelFolder<Model = Network> = {
  config: ClassifierConfig
  network: Model
  /** the tokenizer's files, parsed, as far as they are there */
  tokenizerFiles: TokenizerFiles
  /** texts with the logits of fp32, where `valence convert` has put them beside the weights */
  golden: GoldenText[] | undefined
}

export type TokenizerFiles = {
  tokenizerJson?: unknown
  vocabText?: string
  vocabJson?: unknown
  mergesText?: string
  config?: unknown
}

/** A thousand labels with long names take 100 KB. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024
/** The largest tokenizers of encoders, with a quarter of a million words, take 17 MB. */
const MAX_TOKENIZER_BYTES = 64 * 1024 * 1024

/**
 * Reads a folder with the files of a Hub repository: `config.json`, `model.safetensors` (floats, or INT8 with scales;
 * also in parts, with an index) and `tokenizer.json`, or `tokenizer_config.json` with `vocab.txt` or with `vocab.json`
 * and `merges.txt`.
 *
 * Weights are read from the file straight into the shared memory where the network keeps them.
 *
 * @param beforeRead called before each piece of them, which is a few milliseconds' work
 * @throws Error that names the file and what is wrong with it
 */
export function readModelFolder(folder: string, beforeRead = () => {}): ModelFolder {
  const { close, ...files } = openCheckpointFolder(folder, (config, tensors) =>
    networkFromCheckpoint(config, announced(tensors, beforeRead)),
  )
  close()
  return files
}

function openCheckpointFolder(
  folder: string,
  networkOf: (config: ClassifierConfig, tensors: Tensors) => Network,
): ModelFolder & { close(): void } {
  const config = readConfigFile(folder)
  const checkpoint = openCheckpoint(folder)
  if (!checkpoint) throw new Error(`${folder}: ${reasonForNoWeights(folder)}`)
  const { tensors, close } = checkpoint
  try {
    const network = inFile(folder, CHECKPOINT_FILE, () => networkOf(config, tensors))
    const golden = goldenFor(folder, config, network)
    return { config, network, tokenizerFiles: readTokenizerFiles(folder), golden, close }
  } catch (error) {
    close()
    throw error
  }
}

function announced(tensors: Tensors, beforeRead: () => void): Tensors {
  const announce = (tensor: StoredTensor): StoredTensor => ({
    ...tensor,
    read(into, at) {
      beforeRead()
      tensor.read(into, at)
    },
  })
  return new Map(Array.from(tensors, ([name, tensor]) => [name, announce(tensor)]))
}

/**
 * As `readModelFolder`, but takes a ready-made ONNX file where the folder has no `model.safetensors`.
 *
 * @throws Error that names the file and what is wrong with it
 */
export function openModelFolder(folder: string, beforeRead?: () => void): ModelFolder<Network | OnnxFile> {
  const name = hasCheckpoint(folder) ? undefined : findOnnxFile(folder)
  if (name === undefined) return readModelFolder(folder, beforeRead)
  const config = readConfigFile(folder)
  inFile(folder, name, checkOnnxPath)
  const network = { onnxPath: join(folder, name), labels: config.labels.length, maxTokens: config.positions }
  return { config, network, tokenizerFiles: readTokenizerFiles(folder), golden: goldenFor(folder, config, network) }
}

/**
 * As `openModelFolder`, but leaves the matrices that are INT8 in the file to whoever loads the network. The file is open until
 * `close`.
 *
 * @throws Error that names the file and what is wrong with it
 */
export function beginModelFolder(folder: string): ModelFolder<Network | OnnxFile> & { unread?: Unread; close(): void } {
  if (!hasCheckpoint(folder) && findOnnxFile(folder) !== undefined) return { ...openModelFolder(folder), close() {} }
  const pieces: UnreadPiece[] = []
  const reads: (() => void)[] = []
  const files = openCheckpointFolder(folder, (config, tensors) =>
    networkFromCheckpoint(config, tensors, {
      later(piece, read) {
        pieces.push(piece)
        reads.push(read)
      },
    }),
  )
  const read = () =>
    inFile(folder, CHECKPOINT_FILE, () => {
      for (const readPiece of reads) readPiece()
    })
  return { ...files, unread: { pieces, read } }
}

function checkOnnxPath(path: string): void {
  const file = openFile(path)
  try {
    checkOnnxFile(file, path)
  } finally {
    file.close()
  }
}

/** @throws Error that names the file and what is wrong with it */
export function readConfigFile(folder: string): ClassifierConfig {
  const json = readJsonFile(folder, 'config.json', MAX_CONFIG_BYTES)
  return inFile(folder, 'config.json', () => {
    if (json === undefined) throw new Error('there is no such file')
    return readClassifierConfig(json)
  })
}

export function readTokenizerFiles(folder: string): TokenizerFiles {
  const tokenizerJson = readJsonFile(folder, 'tokenizer.json', MAX_TOKENIZER_BYTES)
  const isOlder = tokenizerJson === undefined
  const vocabText = isOlder ? readTextFile(folder, 'vocab.txt', MAX_TOKENIZER_BYTES) : undefined
  const vocabJson = isOlder ? readJsonFile(folder, 'vocab.json', MAX_TOKENIZER_BYTES) : undefined
  const mergesText = isOlder ? readTextFile(folder, 'merges.txt', MAX_TOKENIZER_BYTES) : undefined
  const config = readJsonFile(folder, 'tokenizer_config.json', MAX_CONFIG_BYTES)
  return {
    ...(tokenizerJson !== undefined && { tokenizerJson }),
    ...(vocabText !== undefined && { vocabText }),
    ...(vocabJson !== undefined && { vocabJson }),
    ...(mergesText !== undefined && { mergesText }),
    ...(config !== undefined && { config }),
  }
}

function goldenFor(folder: string, { vocabulary }: ClassifierConfig, { maxTokens, labels }: Network | OnnxFile) {
  return readGolden(folder, { maxTokens, vocabulary, labels })
}

/** Why a folder that has no checkpoint cannot be read, for an error. */
export function reasonForNoWeights(folder: string): string {
  if (isThere(join(folder, 'pytorch_model.bin'))) {
    return (
      'its weights are in pytorch_model.bin, a format that can run programs, so it is not read. Take a revision with ' +
      'model.safetensors (the Hub makes one in a pull request for most models), or save it with save_pretrained of transformers'
    )
  }
  const onnxFile = findOnnxFile(folder)
  if (onnxFile !== undefined) return `it has ${onnxFile}, which runs as it is, and no model.safetensors`
  return 'there is no model.safetensors in it, and no ONNX file'
}
