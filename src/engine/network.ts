/**
 * The engine's form of a model: one encoder (BERT or DistilBERT) with a classification head, INT8 where the work is.
 *
 * All arrays lie on shared memory, so that handing a network to a worker thread copies nothing. Matrices are row-major
 * with one row an output channel: y[o] = scales[o] · Σ weights[o, i] · x[i] + bias[o].
 */
export type Network<Table = QuantizedTable, Linear = QuantizedLinear> = {
  hidden: number
  heads: number
  labels: number
  /** the most tokens that a text may have, special tokens included */
  maxTokens: number
  layerNormEpsilon: number
  wordEmbeddings: Table
  /** [maxTokens, hidden] */
  positionEmbeddings: Float32Array
  /** [2, hidden]; DistilBERT has none */
  typeEmbeddings: Float32Array | undefined
  embeddingNorm: LayerNorm
  layers: EncoderLayer<Linear>[]
  /** hidden → hidden on the [CLS] token, then `headActivation` */
  headDense: FloatLinear
  headActivation: 'tanh' | 'relu'
  /** hidden → labels */
  classifier: FloatLinear
}

/** The same network before it is quantised: what INT8 is measured against. */
export type FloatNetwork = Network<FloatTable, FloatLinear>

/** Symmetric INT8 with one scale a row: value = scales[row] · weights[row, column]. No weight is −128. */
export type QuantizedTable = {
  rows: number
  columns: number
  /** [rows, columns] */
  weights: Int8Array
  /** [rows] */
  scales: Float32Array
}

/** A matrix product with bias; rows are outputs, columns inputs. */
export type QuantizedLinear = QuantizedTable & {
  /** [rows] */
  bias: Float32Array
}

/** The small products after the last layer stay in float: they cost nothing and decide the answer. */
export type FloatLinear = FloatTable & {
  /** [rows] */
  bias: Float32Array
}

export type FloatTable = {
  rows: number
  columns: number
  /** [rows, columns] */
  weights: Float32Array
}

export type LayerNorm = {
  /** [hidden] */
  weight: Float32Array
  /** [hidden] */
  bias: Float32Array
}

export type EncoderLayer<Linear = QuantizedLinear> = {
  /** [3·hidden, hidden]: queries, keys, values, one below the other */
  queryKeyValue: Linear
  attentionOutput: Linear
  attentionNorm: LayerNorm
  /** hidden → intermediate, then GELU */
  expand: Linear
  /** intermediate → hidden */
  contract: Linear
  outputNorm: LayerNorm
}

/** INT8 weights that are still in a file, and where in a network they belong. */
export type UnreadPiece = { descriptor: number; at: number; into: Int8Array }

/**
 * What a network's arrays lack as yet: who loads it reads that, on a thread of its own where it has one, for reading is half of a
 * start's work for a model.
 */
export type Unread = {
  pieces: readonly UnreadPiece[]
  /**
   * Reads them all here and now.
   *
   * @throws Error that names the file and what is wrong with it
   */
  read(): void
}

/** A model that comes as a ready-made ONNX file, which only ONNX Runtime can run. */
export type OnnxFile = {
  onnxPath: string
  labels: number
  /** the most tokens that a text may have, special tokens included */
  maxTokens: number
}
