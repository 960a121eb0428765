import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { holdsWeights } from '../convert/model-files.ts'
import { type CatalogModel, EMBEDDED_MODEL_ID } from './catalog.ts'

const EMBEDDED_FOLDER = fileURLToPath(new URL('../../models/minilm-sst-2-int8/', import.meta.url))

/**
 * Finds the folder that holds a model's files: for the embedded model its own, for others `<modelsDir>/<name>` under the
 * model's id or an alias, such as `models/distilbert/distilbert-base-uncased-finetuned-sst-2-english`.
 *
 * @returns undefined where there is none
 */
export function findModelFolder(model: CatalogModel, modelsDir: string | undefined): string | undefined {
  if (model.id === EMBEDDED_MODEL_ID) return EMBEDDED_FOLDER
  if (modelsDir === undefined) return undefined
  const folders = [model.id, ...model.aliases].map((name) => join(modelsDir, ...name.split('/')))
  return folders.find(holdsWeights)
}
