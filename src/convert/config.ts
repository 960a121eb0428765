import { shown } from './shown.ts'

/** What a classifier's `config.json` says, in one vocabulary for all families. */
export type ClassifierConfig = {
  family: 'bert' | 'distilbert' | 'roberta'
  layers: number
  hidden: number
  heads: number
  intermediate: number
  vocabulary: number
  /** how many tokens a text may have */
  positions: number
  /** rows of the table of positions before the first token's; RoBERTa leaves some unused */
  firstPosition: number
  /** rows of the table of token types; DistilBERT has none */
  types: number
  layerNormEpsilon: number
  /** in the order of the logits */
  labels: string[]
  problemType: ProblemType | undefined
}

export type ProblemType = 'regression' | 'single_label_classification' | 'multi_label_classification'

const PROBLEM_TYPES = ['regression', 'single_label_classification', 'multi_label_classification']

/** DistilBERT's code has the value built in; BERT's config names it. */
const DISTILBERT_LAYER_NORM_EPSILON = 1e-12

/** transformers' value where a config does not name the padding token. */
const ROBERTA_PADDING_ID = 1

/** Far above any real model; below it nothing that a config claims can exhaust the memory by itself. */
const MAX_SIZE = 1_000_000

/** Each label is a name in memory, whether or not the file spells it out. */
const MAX_LABELS = 65_536

/**
 * Reads the `config.json` of a sequence classifier.
 *
 * @param json the parsed file
 * @throws Error that says which field is wrong, or what is not supported
 */
export function readClassifierConfig(json: unknown): ClassifierConfig {
  if (typeof json !== 'object' || json === null) throw new Error('config.json is not a JSON object')
  const config = json as Record<string, unknown>
  const size = sizeReader(config)
  const family = readFamily(config.model_type)
  const activation = config[family === 'distilbert' ? 'activation' : 'hidden_act'] ?? 'gelu'
  if (activation !== 'gelu')
    throw new Error(`config.json: the activation ${shown(activation)} is not supported; gelu is`)
  const positionType = config.position_embedding_type ?? 'absolute'
  if (positionType !== 'absolute') {
    throw new Error(`config.json: position_embedding_type ${shown(positionType)} is not supported; absolute is`)
  }
  refuseOtherTasks(config)
  const firstPosition = family === 'roberta' ? paddingId(config.pad_token_id) + 1 : 0
  const read: ClassifierConfig = {
    family,
    ...(family === 'distilbert'
      ? {
          layers: size('n_layers'),
          hidden: size('dim'),
          heads: size('n_heads'),
          intermediate: size('hidden_dim'),
          layerNormEpsilon: DISTILBERT_LAYER_NORM_EPSILON,
          types: 0,
        }
      : {
          layers: size('num_hidden_layers'),
          hidden: size('hidden_size'),
          heads: size('num_attention_heads'),
          intermediate: size('intermediate_size'),
          layerNormEpsilon: epsilon(config.layer_norm_eps),
          types: config.type_vocab_size === undefined ? 2 : size('type_vocab_size'),
        }),
    vocabulary: size('vocab_size'),
    positions: size('max_position_embeddings') - firstPosition,
    firstPosition,
    labels: labels(config),
    problemType: problemType(config.problem_type),
  }
  if (read.hidden % read.heads !== 0) {
    throw new Error(`config.json: a width of ${read.hidden} does not divide by ${read.heads} heads`)
  }
  if (family === 'bert' && read.types < 2) {
    throw new Error('config.json: type_vocab_size is 1; BERT needs a type for each text of a pair')
  }
  if (read.positions < 1) {
    throw new Error(`config.json: max_position_embeddings leaves no position after the first ${firstPosition}`)
  }
  return read
}

function readFamily(modelType: unknown): ClassifierConfig['family'] {
  if (modelType === 'bert' || modelType === 'distilbert' || modelType === 'roberta') return modelType
  const reason = modelType === 'xlm-roberta' ? ', since its SentencePiece tokenizer is not' : ''
  throw new Error(
    `config.json: model_type ${shown(modelType)} is not supported${reason}; bert, distilbert and roberta are`,
  )
}

/** RoBERTa counts positions from the one after the padding token's id on. */
function paddingId(value: unknown): number {
  if (value === undefined) return ROBERTA_PADDING_ID
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > MAX_SIZE) {
    throw new Error(`config.json: pad_token_id must be a whole number from 0 to ${MAX_SIZE}, not ${shown(value)}`)
  }
  return value
}

/** The heads of other tasks have weights of the same names, or none. */
function refuseOtherTasks({ architectures, is_decoder: isDecoder }: Record<string, unknown>): void {
  const [architecture] = Array.isArray(architectures) ? (architectures as unknown[]) : []
  if (typeof architecture === 'string' && !architecture.endsWith('ForSequenceClassification')) {
    throw new Error(`config.json: ${shown(architecture)} is not a text classifier; a …ForSequenceClassification is`)
  }
  if (isDecoder === true) throw new Error('config.json: is_decoder is true; only encoders are supported')
}

function sizeReader(config: Record<string, unknown>): (field: string) => number {
  return (field) => {
    const value = config[field]
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > MAX_SIZE) {
      throw new Error(`config.json: ${field} must be a whole number from 1 to ${MAX_SIZE}, not ${shown(value)}`)
    }
    return value
  }
}

function epsilon(value: unknown): number {
  if (value === undefined) return 1e-12
  if (typeof value !== 'number' || !(value >= 0 && value < 1)) {
    throw new Error(`config.json: layer_norm_eps must be a small number, not ${shown(value)}`)
  }
  return value
}

function problemType(value: unknown): ProblemType | undefined {
  if (value === undefined || value === null) return undefined
  if (!PROBLEM_TYPES.includes(value as string)) {
    throw new Error(`config.json: problem_type ${shown(value)} is none of ${PROBLEM_TYPES.join(', ')}`)
  }
  return value as ProblemType
}

/** transformers names the labels LABEL_0, LABEL_1 where a config has only their number, and has two by default. */
function labels(config: Record<string, unknown>): string[] {
  const named = config.id2label
  if (typeof named === 'object' && named !== null) {
    const count = Object.keys(named).length
    const list = Array.from({ length: count }, (_, id) => (named as Record<string, unknown>)[id])
    if (count > 0 && list.every((label) => typeof label === 'string')) return list
    throw new Error('config.json: id2label must give a name to each of 0, 1, 2 …')
  }
  const count = config.num_labels === undefined ? 2 : sizeReader(config)('num_labels')
  if (count > MAX_LABELS) throw new Error(`config.json: num_labels is ${count}; at most ${MAX_LABELS} are supported`)
  return Array.from({ length: count }, (_, id) => `LABEL_${id}`)
}
