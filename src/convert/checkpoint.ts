import type { EncoderLayer, Network, QuantizedLinear } from '../engine/network.ts'
import type { ClassifierConfig } from './config.ts'
import { sharedFloat32, sharedInt8 } from './quantise.ts'
import { readSafetensors } from './safetensors.ts'
import { type TensorReader, tensorReader } from './tensors.ts'

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

/**
 * Turns a Hugging Face checkpoint into the engine's form, quantising what is stored as floats. A matrix that is INT8
 * already (with its scales beside it under `….weight_scale`, [rows, 1]) is taken as it is.
 *
 * @param file the bytes of `model.safetensors`
 * @throws Error that names the tensor that is missing, of another shape, or not finite
 */
export function networkFromCheckpoint(config: ClassifierConfig, file: Uint8Array): Network {
  const isBert = config.family === 'bert'
  const reader = tensorReader(readSafetensors(file), isBert ? 'bert.' : 'distilbert.')
  const { hidden, positions } = config
  const layerNames = isBert ? BERT_LAYER : DISTILBERT_LAYER
  const layerFolder = isBert ? 'encoder.layer' : 'transformer.layer'
  return {
    hidden,
    heads: config.heads,
    labels: config.labels.length,
    maxTokens: positions,
    layerNormEpsilon: config.layerNormEpsilon,
    wordEmbeddings: reader.table('embeddings.word_embeddings', config.vocabulary, hidden),
    positionEmbeddings: reader.floats('embeddings.position_embeddings.weight', [positions, hidden]),
    typeEmbeddings: isBert ? reader.floats('embeddings.token_type_embeddings.weight', [2, hidden]) : undefined,
    embeddingNorm: reader.layerNorm('embeddings.LayerNorm', hidden),
    layers: Array.from({ length: config.layers }, (_, n) =>
      readLayer(reader, `${layerFolder}.${n}.`, layerNames, config),
    ),
    headDense: reader.floatLinear(isBert ? 'pooler.dense' : 'pre_classifier', hidden, hidden),
    headActivation: isBert ? 'tanh' : 'relu',
    classifier: reader.floatLinear('classifier', config.labels.length, hidden),
  }
}

function readLayer(reader: TensorReader, at: string, names: LayerNames, config: ClassifierConfig): EncoderLayer {
  const { hidden, intermediate } = config
  const square = (name: string) => reader.linear(at + name, hidden, hidden)
  return {
    queryKeyValue: stacked([square(names.query), square(names.key), square(names.value)]),
    attentionOutput: square(names.attentionOutput),
    attentionNorm: reader.layerNorm(at + names.attentionNorm, hidden),
    expand: reader.linear(at + names.expand, intermediate, hidden),
    contract: reader.linear(at + names.contract, hidden, intermediate),
    outputNorm: reader.layerNorm(at + names.outputNorm, hidden),
  }
}

/** Puts matrices over the same input one below the other, so that one product computes them all. */
function stacked(parts: QuantizedLinear[]): QuantizedLinear {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0)
  const columns = parts[0]!.columns
  const whole = {
    rows,
    columns,
    weights: sharedInt8(rows * columns),
    scales: sharedFloat32(rows),
    bias: sharedFloat32(rows),
  }
  let row = 0
  for (const part of parts) {
    whole.weights.set(part.weights, row * columns)
    whole.scales.set(part.scales, row)
    whole.bias.set(part.bias, row)
    row += part.rows
  }
  return whole
}
