import type { Activation } from '../engine/activation.ts'
import type { ClassifierConfig } from './config.ts'

/**
 * The activation that a model's scores come from where a request does not say, by the rules of the transformers
 * pipeline: the problem's type goes before the number of labels. (Its last rule, the config's own `function_to_apply`,
 * is for a model without labels, which no classifier is.)
 *
 * Source: `TextClassificationPipeline` in transformers.
 */
export function defaultActivation({ problemType, labels }: ClassifierConfig): Activation {
  if (problemType === 'regression') return 'none'
  if (problemType === 'multi_label_classification' || labels.length === 1) return 'sigmoid'
  return 'softmax'
}
