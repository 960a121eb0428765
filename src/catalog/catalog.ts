/** A model that Valence knows: one canonical id, and the names that other APIs have for it. */
export type CatalogModel = {
  /** the canonical id */
  id: string
  aliases: readonly string[]
  description: string
  /** who made it */
  provider: string
  /** in the order of the logits */
  labels: readonly string[]
  /** the repository of the Hub that has its weights; the embedded model needs none */
  hubRepo: string | undefined
}

/** The model that ships in the repository. */
export const EMBEDDED_MODEL_ID = 'valence/minilm-sst-2-int8'

/** What a request gets that names no model. */
export const DEFAULT_MODEL_ID = 'huggingface/distilbert-sst-2-int8'

const SENTIMENT_LABELS = ['NEGATIVE', 'POSITIVE'] as const

export const CATALOG: readonly CatalogModel[] = [
  {
    id: DEFAULT_MODEL_ID,
    aliases: [
      '@cf/huggingface/distilbert-sst-2-int8',
      'distilbert/distilbert-base-uncased-finetuned-sst-2-english',
      'distilbert-base-uncased-finetuned-sst-2-english',
      'Xenova/distilbert-base-uncased-finetuned-sst-2-english',
    ],
    description: 'DistilBERT fine-tuned on SST-2 for sentiment classification, INT8',
    provider: 'huggingface',
    labels: SENTIMENT_LABELS,
    hubRepo: 'distilbert/distilbert-base-uncased-finetuned-sst-2-english',
  },
  {
    id: EMBEDDED_MODEL_ID,
    aliases: ['@cf/valence/minilm-sst-2-int8', 'minilm-sst-2-int8'],
    description:
      'MiniLM (6 layers, 384 wide) fine-tuned on SST-2 for sentiment classification, INT8, shipped with Valence',
    provider: 'valence',
    labels: SENTIMENT_LABELS,
    hubRepo: undefined,
  },
]

const BY_NAME = new Map(CATALOG.flatMap((model) => [model.id, ...model.aliases].map((name) => [name, model] as const)))

/** Finds a model by its id or any alias. */
export function findModel(name: string): CatalogModel | undefined {
  return BY_NAME.get(name)
}
