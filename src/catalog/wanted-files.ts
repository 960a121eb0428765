import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { CHECKPOINT_FILE, CHECKPOINT_INDEX, ONNX_FILES } from '../convert/model-files.ts'
import { HubError } from './hub/errors.ts'

/** Any of these sets is enough to tokenise by. */
const TOKENIZERS = [['tokenizer.json'], ['vocab.txt'], ['vocab.json', 'merges.txt']]

/** Read beside the config, the weights and the tokenizer, where they are there. */
const BESIDE = ['tokenizer_config.json', 'special_tokens_map.json']

/** A part of a checkpoint in several files, of how many. */
const SHARD = /^model-\d{5}-of-(\d{5})\.safetensors$/

/**
 * Chooses what Valence reads of a repository: nothing else is fetched.
 *
 * @param takesOnnx whether a ready-made ONNX file will do where there is no checkpoint
 * @throws HubError `file_not_found` where it lacks what a text classifier cannot do without
 */
export function wantedFiles(repo: string, paths: readonly string[], takesOnnx = true): string[] {
  const weights = weightsAmong(takesOnnx ? paths : paths.filter((path) => !ONNX_FILES.includes(path)))
  const missing = [
    ...(paths.includes('config.json') ? [] : ['config.json']),
    ...(weights.length > 0 ? [] : [CHECKPOINT_FILE]),
    ...(TOKENIZERS.some((files) => files.every((file) => paths.includes(file))) ? [] : ['tokenizer.json or vocab.txt']),
  ]
  if (missing.length > 0)
    throw new HubError(
      'file_not_found',
      `${repo} has no ${missing.join(' and no ')}, which Valence needs of a text classifier.`,
    )
  const small = ['config.json', ...TOKENIZERS.flat(), ...BESIDE].filter((file) => paths.includes(file))
  return [...small, ...weights]
}

/** Whether a folder has all that a model needs; a link that leads nowhere counts for nothing. */
export function isCompleteFolder(folder: string): boolean {
  try {
    wantedFiles(folder, filesIn(folder))
    return true
  } catch {
    return false
  }
}

/** The files of a folder that hold the weights that are read. */
export function weightsIn(folder: string): string[] {
  return weightsAmong(filesIn(folder))
}

/** The paths of a folder's files, links followed. */
export function filesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.map((name) => name.replaceAll('\\', '/')).filter((name) => existsSync(join(folder, name)))
}

/** The bytes of a folder's files, links followed. */
export function folderBytes(folder: string): number {
  return filesIn(folder).reduce((sum, name) => {
    const stats = statSync(join(folder, name))
    return sum + (stats.isFile() ? stats.size : 0)
  }, 0)
}

/** A checkpoint in one file, or in parts that are all there, or else the best ready-made ONNX file. */
function weightsAmong(paths: readonly string[]): string[] {
  if (paths.includes(CHECKPOINT_FILE)) return [CHECKPOINT_FILE]
  if (paths.includes(CHECKPOINT_INDEX)) {
    const shards = paths.filter((path) => SHARD.test(path))
    const isWhole = shards.length > 0 && shards.length === Number(SHARD.exec(shards[0]!)![1])
    if (isWhole) return [CHECKPOINT_INDEX, ...shards]
  }
  return ONNX_FILES.filter((path) => paths.includes(path)).slice(0, 1)
}
