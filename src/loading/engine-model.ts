import type { CatalogModel } from '../catalog/catalog.ts'
import { defaultActivation } from '../convert/activation.ts'
import type { ClassifierConfig } from '../convert/config.ts'
import type { EngineModel } from '../engine/engine.ts'
import { createTokenizer } from '../engine/tokenizer/tokenizer.ts'
import type { ModelFiles } from './read-model.ts'

/**
 * Puts together what the engine needs of a model.
 *
 * @param folder where the files came from, for messages
 * @throws Error that names the file, where its labels are not the model's
 */
export function engineModel(
  model: CatalogModel,
  folder: string,
  files: ModelFiles & Pick<EngineModel, 'unread'>,
): EngineModel {
  const { config, network, unread, tokenizerFiles, golden = [] } = files
  return {
    id: model.id,
    network,
    unread,
    makeTokenizer: () => createTokenizer(tokenizerFiles, { maxTokens: network.maxTokens }),
    golden,
    labels: labelsOf(model, config, folder),
    activation: defaultActivation(config),
  }
}

/** A config without names for its labels (LABEL_0, LABEL_1) leaves them to the catalog; other names are another model's. */
function labelsOf(model: CatalogModel, config: ClassifierConfig, folder: string): string[] {
  const fits = config.labels.every((label, id) => label === model.labels[id] || label === `LABEL_${id}`)
  if (fits && config.labels.length === model.labels.length) return [...model.labels]
  throw new Error(
    `${folder}/config.json: the labels are ${config.labels.join(', ')}; ${model.id} has ${model.labels.join(', ')}`,
  )
}
