import type { EncoderLayer, FloatNetwork, Network } from '../engine/network.ts'
import type { ClassifierConfig } from './config.ts'
import { sharedFloat32 } from './quantise.ts'
import { FLOAT_ROWS, INT8_ROWS, type Matrix, type RowFormat } from './rows.ts'
import { type Bias, type Reading, type TensorReader, type Tensors, tensorReader } from './tensors.ts'

/** Where a family keeps the parts of a layer, below `<encoder>.<n>.` */
type LayerNames = {
  query: string
  key: string
  value: string
  attentionOutput: string
  attentionNorm: string
  expand: string
  contract: string
  outputNorm: string
}

const BERT_LAYER: LayerNames = {
  query: 'attention.self.query',
  key: 'attention.self.key',
  value: 'attention.self.value',
  attentionOutput: 'attention.output.dense',
  attentionNorm: 'attention.output.LayerNorm',
  expand: 'intermediate.dense',
  contract: 'output.dense',
  outputNorm: 'output.LayerNorm',
}

const DISTILBERT_LAYER: LayerNames = {
  query: 'attention.q_lin',
  key: 'attention.k_lin',
  value: 'attention.v_lin',
  attentionOutput: 'attention.out_lin',
  attentionNorm: 'sa_layer_norm',
  expand: 'ffn.lin1',
  contract: 'ffn.lin2',
  outputNorm: 'output_layer_norm',
}

const TYPE_EMBEDDINGS = 'embeddings.token_type_embeddings.weight'

/** Where a family keeps the two products of its head, and what is between them. */
const HEADS = {
  bert: { dense: 'pooler.dense', activation: 'tanh', classifier: 'classifier' },
  roberta: { dense: 'classifier.dense', activation: 'tanh', classifier: 'classifier.out_proj' },
  distilbert: { dense: 'pre_classifier', activation: 'relu', classifier: 'classifier' },
} as const

/**
 * Turns a Hugging Face checkpoint into the engine's form, quantising what is stored as floats. A matrix that is INT8
 * already (with its scales beside it under `….weight_scale`, [rows, 1]) is taken as it is.
 *
 * @param reading.onRead told of every tensor of the result, under the checkpoint's own name: together they are the converted
 *   checkpoint
 * @param reading.later gets the matrices that are INT8 already, which stay unread
 * @throws Error that names the tensor that is missing, of another shape, or not finite
 */
export function networkFromCheckpoint(config: ClassifierConfig, tensors: Tensors, reading?: Reading): Network {
  return readNetwork(config, tensors, INT8_ROWS, reading)
}

/** As `networkFromCheckpoint`, but leaves floats as they are: what INT8 is measured against. */
export function floatNetworkFromCheckpoint(config: ClassifierConfig, tensors: Tensors): FloatNetwork {
  return readNetwork(config, tensors, FLOAT_ROWS)
}

function readNetwork<Rows extends Matrix>(
  config: ClassifierConfig,
  tensors: Tensors,
  rows: RowFormat<Rows>,
  reading?: Reading,
): Network<Rows, Rows & Bias> {
  const { family, hidden } = config
  const reader = tensorReader(tensors, `${family}.`, rows, reading)
  const [layerFolder, layerNames] =
    family === 'distilbert' ? ['transformer.layer', DISTILBERT_LAYER] : ['encoder.layer', BERT_LAYER]
  const head = HEADS[family]
  return {
    hidden,
    heads: config.heads,
    labels: config.labels.length,
    maxTokens: config.positions,
    layerNormEpsilon: config.layerNormEpsilon,
    wordEmbeddings: reader.table('embeddings.word_embeddings', config.vocabulary, hidden),
    positionEmbeddings: readPositions(reader, config),
    typeEmbeddings:
      family === 'bert' ? reader.floats(TYPE_EMBEDDINGS, [config.types, hidden]).subarray(0, 2 * hidden) : undefined,
    embeddingNorm: reader.layerNorm('embeddings.LayerNorm', hidden),
    layers: Array.from({ length: config.layers }, (_, n) =>
      readLayer(reader, `${layerFolder}.${n}.`, layerNames, config),
    ),
    headDense: reader.floatLinear(head.dense, hidden, hidden),
    headActivation: head.activation,
    classifier: reader.floatLinear(head.classifier, config.labels.length, hidden),
  }
}

/**
 * The table of positions from the first token's on, [positions, hidden]. RoBERTa's tokens are all of type 0, so that
 * type is added to each position here and costs nothing later.
 */
function readPositions(reader: Pick<TensorReader<Matrix>, 'floats'>, config: ClassifierConfig): Float32Array {
  const { family, hidden, positions, firstPosition, types } = config
  const table = reader.floats('embeddings.position_embeddings.weight', [firstPosition + positions, hidden])
  if (family !== 'roberta') return table
  const typeTable = reader.floats(TYPE_EMBEDDINGS, [types, hidden])
  const start = firstPosition * hidden
  const sums = sharedFloat32(positions * hidden)
  for (let i = 0; i < sums.length; i++) sums[i] = table[start + i]! + typeTable[i % hidden]!
  return sums
}

function readLayer<Rows extends Matrix>(
  reader: TensorReader<Rows>,
  at: string,
  names: LayerNames,
  config: ClassifierConfig,
): EncoderLayer<Rows & Bias> {
  const { hidden, intermediate } = config
  const square = (name: string) => reader.linear(at + name, hidden, hidden)
  return {
    queryKeyValue: reader.stacked([at + names.query, at + names.key, at + names.value], hidden, hidden),
    attentionOutput: square(names.attentionOutput),
    attentionNorm: reader.layerNorm(at + names.attentionNorm, hidden),
    expand: reader.linear(at + names.expand, intermediate, hidden),
    contract: reader.linear(at + names.contract, hidden, intermediate),
    outputNorm: reader.layerNorm(at + names.outputNorm, hidden),
  }
}
