import { join } from 'node:path'
import { openFile } from './byte-source.ts'
import { CHECKPOINT_FILE, CHECKPOINT_INDEX, isThere } from './model-files.ts'
import { readSafetensors, type StoredTensor } from './safetensors.ts'
import { shown } from './shown.ts'
import type { Tensors } from './tensors.ts'
import { inFile, readJsonFile } from './text-file.ts'

/** A checkpoint's files, open; the tensors can be read until `close`. */
export type CheckpointFiles = { tensors: Tensors; byteLength: number; close(): void }

/** A name takes some 100 bytes. */
const MAX_INDEX_BYTES = 4 * 1024 * 1024

/** Checkpoints are cut at some gigabytes, so this is far more than any classifier has. */
const MAX_SHARDS = 64

/** What a shard may be called: a file of this very folder. */
const SHARD_NAME = /^[\w][\w.-]*\.safetensors$/

/**
 * Opens `model.safetensors`, or the parts that `model.safetensors.index.json` names.
 *
 * @returns undefined where the folder has neither
 * @throws Error that names the file and what is wrong with it
 */
export function openCheckpoint(folder: string): CheckpointFiles | undefined {
  if (isThere(join(folder, CHECKPOINT_FILE))) return openShards(folder, new Map([[CHECKPOINT_FILE, undefined]]))
  const index = readJsonFile(folder, CHECKPOINT_INDEX, MAX_INDEX_BYTES)
  return index === undefined
    ? undefined
    : openShards(
        folder,
        inFile(folder, CHECKPOINT_INDEX, () => readIndex(index)),
      )
}

/** The tensors that are to be taken of each file; all of them where that is undefined. */
type Shards = Map<string, string[] | undefined>

function readIndex(index: unknown): Shards {
  const weightMap = (index as { weight_map?: unknown } | null)?.weight_map
  if (typeof weightMap !== 'object' || weightMap === null) throw new Error('has no weight_map')
  const shards = new Map<string, string[]>()
  for (const [tensor, file] of Object.entries(weightMap)) {
    if (typeof file !== 'string' || !SHARD_NAME.test(file)) {
      throw new Error(`names ${shown(file)}, which is no .safetensors file of the same folder`)
    }
    const names = shards.get(file) ?? []
    shards.set(file, names)
    names.push(tensor)
    if (shards.size > MAX_SHARDS) throw new Error(`names more than ${MAX_SHARDS} files`)
  }
  return shards
}

function openShards(folder: string, shards: Shards): CheckpointFiles {
  const files: ReturnType<typeof openFile>[] = []
  const close = () => {
    for (const file of files) file.close()
  }
  const tensors = new Map<string, StoredTensor>()
  try {
    for (const [name, wanted] of shards) {
      inFile(folder, name, (path) => {
        const file = openFile(path)
        files.push(file)
        const there = readSafetensors(file)
        for (const tensor of wanted ?? there.keys()) {
          const stored = there.get(tensor)
          if (!stored) throw new Error(`has no tensor ${shown(tensor)}, which ${CHECKPOINT_INDEX} says is in it`)
          tensors.set(tensor, stored)
        }
      })
    }
  } catch (error) {
    close()
    throw error
  }
  return { tensors, byteLength: files.reduce((sum, file) => sum + file.byteLength, 0), close }
}
