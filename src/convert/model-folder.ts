import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Network } from '../engine/network.ts'
import { networkFromCheckpoint } from './checkpoint.ts'
import { type ClassifierConfig, readClassifierConfig } from './config.ts'

/** A model's files, read: what the engine needs to run it. */
export type ModelFolder = {
  config: ClassifierConfig
  network: Network
  /** the tokenizer's files, parsed, as far as they are there */
  tokenizerFiles: {
    tokenizerJson?: unknown
    vocabText?: string
    vocabJson?: unknown
    mergesText?: string
    config?: unknown
  }
}

/**
 * Reads a folder with the files of a Hub repository: `config.json`, `model.safetensors` (floats, or INT8 with scales)
 * and `tokenizer.json`, or `tokenizer_config.json` with `vocab.txt` or with `vocab.json` and `merges.txt`.
 *
 * @throws Error that names the file and what is wrong with it
 */
export function readModelFolder(folder: string): ModelFolder {
  const config = inFile(folder, 'config.json', (file) => readClassifierConfig(JSON.parse(readFileSync(file, 'utf8'))))
  const network = inFile(folder, 'model.safetensors', (file) => networkFromCheckpoint(config, readFileSync(file)))
  return { config, network, tokenizerFiles: readTokenizerFiles(folder) }
}

function readTokenizerFiles(folder: string): ModelFolder['tokenizerFiles'] {
  const tokenizerJson = ifThere(folder, 'tokenizer.json')
  const older = (name: string) => (tokenizerJson === undefined ? ifThere(folder, name) : undefined)
  const vocabText = older('vocab.txt')
  const vocabJson = older('vocab.json')
  const mergesText = older('merges.txt')
  const config = ifThere(folder, 'tokenizer_config.json')
  return {
    ...(tokenizerJson !== undefined && {
      tokenizerJson: inFile(folder, 'tokenizer.json', () => JSON.parse(tokenizerJson)),
    }),
    ...(vocabText !== undefined && { vocabText }),
    ...(vocabJson !== undefined && { vocabJson: inFile(folder, 'vocab.json', () => JSON.parse(vocabJson)) }),
    ...(mergesText !== undefined && { mergesText }),
    ...(config !== undefined && { config: inFile(folder, 'tokenizer_config.json', () => JSON.parse(config)) }),
  }
}

function ifThere(folder: string, name: string): string | undefined {
  try {
    return readFileSync(join(folder, name), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function inFile<T>(folder: string, name: string, read: (path: string) => T): T {
  const path = join(folder, name)
  try {
    return read(path)
  } catch (cause) {
    throw new Error(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}
