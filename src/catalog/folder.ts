import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { holdsWeights } from '../convert/model-files.ts'
import { type CatalogModel, EMBEDDED_MODEL_ID } from './catalog.ts'
import { findSnapshot } from './hub/snapshots.ts'
import { isCompleteFolder } from './wanted-files.ts'

const EMBEDDED_FOLDER = fileURLToPath(new URL('../../models/minilm-sst-2-int8/', import.meta.url))

/** Where models may lie on this machine. */
export type ModelPlaces = {
  modelsDir: string | undefined
  /** the cache that is shared with Python's huggingface_hub */
  hubCacheDir: string
}

/** A folder with a model's files; what came from the Hub knows its commit. */
export type ModelLocation = { folder: string; place: 'embedded' | 'models-dir' | 'cache'; commit: string | undefined }

/**
 * Finds the folder that holds a model's files: for the embedded model its own, for others `<modelsDir>/<name>` under the
 * model's id or an alias, such as `models/distilbert/distilbert-base-uncased-finetuned-sst-2-english`, or else a whole
 * snapshot of such a repository in the Hub's cache.
 *
 * @returns undefined where there is none
 */
export function findModelFolder(
  model: CatalogModel,
  { modelsDir, hubCacheDir }: ModelPlaces,
): ModelLocation | undefined {
  if (model.id === EMBEDDED_MODEL_ID) return { folder: EMBEDDED_FOLDER, place: 'embedded', commit: undefined }
  const names = [model.id, ...model.aliases]
  if (modelsDir !== undefined) {
    const folder = names.map((name) => join(modelsDir, ...name.split('/'))).find(holdsWeights)
    if (folder !== undefined) return { folder, place: 'models-dir', commit: undefined }
  }
  for (const name of names) {
    const snapshot = findSnapshot(hubCacheDir, name, isCompleteFolder)
    if (snapshot) return { folder: snapshot.folder, place: 'cache', commit: snapshot.commit }
  }
  return undefined
}
