import { copyFileSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { networkFromCheckpoint } from './checkpoint.ts'
import { type CheckpointFiles, openCheckpoint } from './checkpoint-files.ts'
import { CHECKPOINT_FILE, isThere } from './model-files.ts'
import { readConfigFile, reasonForNoWeights } from './model-folder.ts'
import { inFile } from './text-file.ts'
import { type WrittenTensor, writeSafetensors } from './write-safetensors.ts'

/** What the converted folder takes over as it is, where it is there. */
const COPIED_FILES = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'LICENSE',
  'LICENSE.txt',
]

/**
 * Writes a checkpoint of floats as INT8: a folder of the same files, whose matrices and word embeddings are I8 with one
 * scale a row beside them, the rest F32. Queries, keys and values of a layer lie one after the other, as the engine wants
 * them.
 *
 * Tensors are read and quantised one after the other, so that it needs the memory of the result and little more.
 *
 * @param to a folder that is empty or not there
 * @returns the sizes of the weights' files
 * @throws Error that names the file and what is wrong with it
 */
export function writeConverted(from: string, to: string): { bytesBefore: number; bytesAfter: number } {
  const config = readConfigFile(from)
  const checkpoint = openFloatCheckpoint(from)
  try {
    const { tensors, byteLength } = checkpoint
    const written = new Map<string, WrittenTensor>()
    inFile(from, CHECKPOINT_FILE, () =>
      networkFromCheckpoint(config, tensors, { onRead: (name, tensor) => written.set(name, tensor) }),
    )
    mkdirSync(to, { recursive: true })
    const path = join(to, CHECKPOINT_FILE)
    writeSafetensors(path, written)
    for (const name of COPIED_FILES) if (isThere(join(from, name))) copyFileSync(join(from, name), join(to, name))
    return { bytesBefore: byteLength, bytesAfter: statSync(path).size }
  } finally {
    checkpoint.close()
  }
}

/** @throws Error where there is no checkpoint, or none of floats */
export function openFloatCheckpoint(folder: string): CheckpointFiles {
  const checkpoint = openCheckpoint(folder)
  if (!checkpoint) throw new Error(`${folder}: ${reasonForNoWeights(folder)}`)
  if (![...checkpoint.tensors.keys()].some((name) => name.endsWith('.weight_scale'))) return checkpoint
  checkpoint.close()
  throw new Error(`${folder}: its weights are INT8 already`)
}
