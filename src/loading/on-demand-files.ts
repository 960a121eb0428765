import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { AllowList } from '../catalog/allow-list.ts'
import type { CatalogModel } from '../catalog/catalog.ts'
import { findModelFolder, type ModelPlaces } from '../catalog/folder.ts'
import type { HubOptions } from '../catalog/hub/options.ts'
import type { PullHandlers } from '../catalog/hub/pull.ts'
import { DEFAULT_REVISION } from '../catalog/hub/snapshots.ts'
import { pullModel } from '../catalog/pull-model.ts'
import { aliasesOfRepo } from '../catalog/repo-name.ts'
import { findOnnxFile, hasCheckpoint } from '../convert/model-files.ts'
import { readConfigFile } from '../convert/model-folder.ts'
import { networkBytes, workingBytes } from '../convert/network-size.ts'
import type { Engine } from '../engine/engine.ts'
import { tokenizerBytes } from '../engine/tokenizer/tokenizer.ts'

/** Where a model's files are on this machine. */
export type ModelFilesHere = { folder: string; commit: string | undefined }

/** fp32 is four times INT8: a checkpoint of more than this many times the memory cannot fit into it. */
const FLOAT_BYTES = 4

/** The Hub writes the repository's name in another case: asked by that, it is the same. */
export class OtherNameError extends Error {
  readonly id: string

  constructor(id: string) {
    super(`the Hub calls it ${id}`)
    this.id = id
  }
}

/** Says where the files of models on demand are, and fetches those that may be fetched. */
export type OnDemandFiles = {
  /** a model by its repository's id; its labels are known once its config is read */
  entry(repo: string, labels?: readonly string[]): CatalogModel
  find(repo: string): ModelFilesHere | undefined
  mayFetch(repo: string): boolean
  /** @throws HubError; OtherNameError, before anything is fetched; the signal's reason where it is aborted */
  fetch(repo: string, handlers: PullHandlers): Promise<ModelFilesHere>
}

export function createOnDemandFiles(options: {
  places: ModelPlaces
  hub: HubOptions
  allowed: AllowList
  /** the memory that a model may take */
  maxBytes: number
}): OnDemandFiles {
  const { places, hub, allowed, maxBytes } = options
  const files: OnDemandFiles = {
    entry(repo, labels = []) {
      const slash = repo.indexOf('/')
      return {
        id: repo,
        aliases: aliasesOfRepo(repo),
        description: `${repo} of the Hugging Face Hub, INT8`,
        provider: slash === -1 ? 'huggingface' : repo.slice(0, slash),
        labels,
        hubRepo: repo,
      }
    },
    find: (repo) => findModelFolder(files.entry(repo), places),
    mayFetch: (repo) => allowed.allows(repo),
    fetch: (repo, handlers) =>
      pullModel(repo, DEFAULT_REVISION, hub, handlers, {
        maxBytes: maxBytes * FLOAT_BYTES,
        // An ONNX file is a program for ONNX Runtime: a star is no word for running everybody's.
        takesOnnx: allowed.names(repo),
        onNamed(id) {
          if (id !== repo && id.toLowerCase() === repo.toLowerCase()) throw new OtherNameError(id)
        },
      }),
  }
  return files
}

/**
 * How much memory a model takes once it is loaded, its tokenizer included, told before its weights are read. While it is
 * being loaded it takes up to twice that.
 *
 * @throws Error that names the file and what is wrong with it
 */
export function sizeInMemory(folder: string, engine: Engine): { labels: string[]; bytes: number } {
  const config = readConfigFile(folder)
  const onnxFile = hasCheckpoint(folder) ? undefined : findOnnxFile(folder)
  const form = onnxFile === undefined ? 'network' : 'onnx-file'
  const weights = onnxFile === undefined ? networkBytes(config) : onnxBytes(folder, onnxFile)
  const held = engine.bytesHeld({ form, bytes: weights, workingBytes: workingBytes(config) })
  return { labels: config.labels, bytes: held + tokenizerBytes(config.vocabulary) }
}

/** An ONNX file's, with those of the weights that lie beside it. */
function onnxBytes(folder: string, name: string): number {
  const beside = [`${name}_data`, `${name}.data`].map((path) => statSync(join(folder, path), { throwIfNoEntry: false }))
  return statSync(join(folder, name)).size + beside.reduce((sum, stats) => sum + (stats?.size ?? 0), 0)
}
