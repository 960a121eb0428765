import type { Buffer } from 'node:buffer'
import type {
  EncoderLayer,
  FloatLinear,
  FloatNetwork,
  FloatTable,
  LayerNorm,
  Network,
  QuantizedLinear,
  QuantizedTable,
} from '../network.ts'
import { createModelFile, type ExternalData, type ModelFile, type Value } from './model-file.ts'

/** The names of the graph's inputs and its output. */
export const INPUT_IDS = 'input_ids'
export const TYPE_IDS = 'type_ids'
export const LOGITS = 'logits'

/** How the graph keeps its weights: int8, or the same numbers moved up by 128 (weight-type.ts says which, and why). */
export type WeightType = 'int8' | 'uint8'

/** ONNX's number for float32, where an attribute names a type. */
const FLOAT = 1
/** What uint8 adds to a signed number. */
const ZERO_POINT = Uint8Array.of(128)
/** A token of zeros must not divide by zero; no token that says anything is this small. */
const SMALLEST_SCALE = 1e-20

/** A matrix of the network or, before it is quantised, its floats. */
type Linear = QuantizedLinear | FloatLinear

type Context = { file: ModelFile; network: Network | FloatNetwork; weightType: WeightType }

/**
 * Writes the network as an ONNX model over one text: `input_ids` and, for BERT, `type_ids`, int32 [tokens] → `logits`
 * [labels].
 *
 * There is no batch axis and no mask: a text has no batch-mates, so nothing but its own tokens can touch its scores.
 * That also keeps ONNX Runtime's SkipLayerNormFusion away, which is slow on CPUs and fits only where there is a batch.
 * The last layer is computed for [CLS] alone, which is exact, since the head reads nothing else.
 */
export function onnxModel(network: Network, weightType: WeightType): Buffer {
  return build({ file: createModelFile(), network, weightType })
}

/**
 * As `onnxModel`, for a network of floats, whose matrices stay where they are: they are given to ONNX Runtime beside the
 * model, since copies of so much would be most of what a conversion needs.
 */
export function onnxFloatModel(network: FloatNetwork): { model: Buffer; externalData: ExternalData[] } {
  const file = createModelFile()
  return { model: build({ file, network, weightType: 'int8' }), externalData: file.externalData }
}

function build(context: Context): Buffer {
  const { file, network } = context
  let x = embed(context) // [tokens, hidden]
  network.layers.forEach((layer, index) => {
    x = encoderLayer(context, layer, x, index === network.layers.length - 1)
  }) // [1, hidden]
  const dense = floatLinear(file, network.headDense, x)
  const pooled = file.node(network.headActivation === 'tanh' ? 'Tanh' : 'Relu', [dense])
  const logits = floatLinear(file, network.classifier, pooled) // [1, labels]
  return file.finish(file.node('Squeeze', [logits, integers(file, 0)]), LOGITS, 'float32', [network.labels])
}

function embed({ file, network }: Context): Value {
  const { hidden, maxTokens, typeEmbeddings } = network
  const ids = file.input(INPUT_IDS, 'int32', ['tokens'])
  const words = lookUp(file, network.wordEmbeddings, ids) // [tokens, hidden]
  const allPositions = file.constant('float32', [maxTokens, hidden], network.positionEmbeddings)
  const positions = file.node('Slice', [allPositions, integers(file, 0), file.node('Shape', [ids])]) // [tokens, hidden]
  let sum = file.node('Add', [words, positions])
  if (typeEmbeddings) {
    const types = file.constant('float32', [2, hidden], typeEmbeddings)
    sum = file.node('Add', [sum, file.node('Gather', [types, file.input(TYPE_IDS, 'int32', ['tokens'])])])
  }
  return layerNorm(file, network, network.embeddingNorm, sum)
}

function lookUp(file: ModelFile, table: QuantizedTable | FloatTable, ids: Value): Value {
  if (!('scales' in table)) return file.node('Gather', [file.external([table.rows, table.columns], table.weights), ids])
  const weights = file.constant('int8', [table.rows, table.columns], table.weights)
  const scales = file.constant('float32', [table.rows, 1], table.scales)
  const rows = file.node('Cast', [file.node('Gather', [weights, ids])], { to: FLOAT })
  return file.node('Mul', [rows, file.node('Gather', [scales, ids])])
}

/** @returns [tokens, hidden], or [1, hidden] for the last layer */
function encoderLayer(context: Context, layer: EncoderLayer<Linear>, x: Value, isLast: boolean): Value {
  const { file, network } = context
  const residual = isLast ? file.node('Slice', [x, integers(file, 0), integers(file, 1)]) : x
  const attended = product(context, layer.attentionOutput, attention(context, layer, x, residual))
  const afterAttention = layerNorm(file, network, layer.attentionNorm, file.node('Add', [attended, residual]))
  const expanded = file.node('Gelu', [product(context, layer.expand, afterAttention)]) // [·, intermediate]
  const contracted = product(context, layer.contract, expanded) // [·, hidden]
  return layerNorm(file, network, layer.outputNorm, file.node('Add', [contracted, afterAttention]))
}

/** Softmax(Q·Kᵀ / √width) · V for each head; `queried` is the tokens that ask: all of them, or [CLS] alone. */
function attention(context: Context, layer: EncoderLayer<Linear>, x: Value, queried: Value): Value {
  const { file, network } = context
  const { hidden, heads } = network
  const width = hidden / heads
  const [query, key, value] = queryKeyValue(context, layer.queryKeyValue, x, queried)
  const byHead = (matrix: Value, perm: number[]) =>
    file.node('Transpose', [file.node('Reshape', [matrix, integers(file, 0, heads, width)])], { perm })
  const scaledQuery = file.node('Mul', [byHead(query, [1, 0, 2]), scalar(file, 1 / Math.sqrt(width))]) // [heads, ·, width]
  const scores = file.node('MatMul', [scaledQuery, byHead(key, [1, 2, 0])]) // [heads, ·, tokens]
  const weights = file.node('Softmax', [scores], { axis: 2 })
  const mixed = file.node('MatMul', [weights, byHead(value, [1, 0, 2])]) // [heads, ·, width]
  const together = file.node('Transpose', [mixed], { perm: [1, 0, 2] }) // [·, heads, width]
  return file.node('Reshape', [together, integers(file, -1, hidden)]) // [·, hidden]
}

/** @returns [·, hidden], [tokens, hidden], [tokens, hidden] */
function queryKeyValue(context: Context, linear: Linear, x: Value, queried: Value): [Value, Value, Value] {
  const { file } = context
  const { hidden } = context.network
  if (queried === x) {
    const all = product(context, linear, x)
    return file.nodes('Split', [all], 3, { axis: 1, num_outputs: 3 }) as [Value, Value, Value]
  }
  const keyValue = product(context, rowsOf(linear, hidden, 3 * hidden), x)
  const [key, value] = file.nodes('Split', [keyValue], 2, { axis: 1, num_outputs: 2 }) as [Value, Value]
  return [product(context, rowsOf(linear, 0, hidden), queried), key, value]
}

function rowsOf(linear: Linear, from: number, to: number): Linear {
  const { columns } = linear
  const part = { rows: to - from, columns, bias: linear.bias.subarray(from, to) }
  const [start, end] = [from * columns, to * columns]
  if (!('scales' in linear)) return { ...part, weights: linear.weights.subarray(start, end) }
  return { ...part, weights: linear.weights.subarray(start, end), scales: linear.scales.subarray(from, to) }
}

/** x · Wᵀ + bias, in the arithmetic that the weights are made for. */
function product(context: Context, linear: Linear, x: Value): Value {
  if ('scales' in linear) return quantizedLinear(context, linear, x)
  const { file } = context
  return gemm(file, x, file.external([linear.rows, linear.columns], linear.weights), linear.bias)
}

/**
 * y = (round(x / s) · W) · s · scales + bias, the product in exact integers.
 *
 * s is one scale a token, its largest magnitude / 127: with ONNX's own DynamicQuantizeLinear, which takes one scale for
 * the whole text, an outlier in one token coarsens all the others (docs/decisions/0004).
 */
function quantizedLinear({ file, weightType }: Context, linear: QuantizedLinear, x: Value): Value {
  const { rows, columns } = linear
  const magnitude = file.node('ReduceMax', [file.node('Abs', [x]), integers(file, 1)], { keepdims: 0 }) // [tokens]
  const scale = file.node('Max', [file.node('Mul', [magnitude, scalar(file, 1 / 127)]), scalar(file, SMALLEST_SCALE)])
  const zeroPoints = file.node('Expand', [file.constant('uint8', [1], ZERO_POINT), file.node('Shape', [scale])])
  const quantized = file.node('QuantizeLinear', [x, scale, zeroPoints], { axis: 0 }) // [tokens, columns]
  const zeroPoint = file.constant('uint8', [], ZERO_POINT)
  const weights = file.constant(weightType, [columns, rows], transposed(linear, weightType))
  const operands = [quantized, weights, zeroPoint, ...(weightType === 'uint8' ? [zeroPoint] : [])]
  const sums = file.node('Cast', [file.node('MatMulInteger', operands)], { to: FLOAT }) // [tokens, rows]
  const perToken = file.node('Mul', [sums, file.node('Unsqueeze', [scale, integers(file, 1)])])
  const perChannel = file.node('Mul', [perToken, file.constant('float32', [rows], linear.scales)])
  return file.node('Add', [perChannel, file.constant('float32', [rows], linear.bias)])
}

function floatLinear(file: ModelFile, linear: FloatLinear, x: Value): Value {
  return gemm(file, x, file.constant('float32', [linear.rows, linear.columns], linear.weights), linear.bias)
}

function gemm(file: ModelFile, x: Value, weights: Value, bias: Float32Array): Value {
  return file.node('Gemm', [x, weights, file.constant('float32', [bias.length], bias)], { transB: 1 })
}

function layerNorm(
  file: ModelFile,
  { hidden, layerNormEpsilon }: Context['network'],
  norm: LayerNorm,
  x: Value,
): Value {
  const weight = file.constant('float32', [hidden], norm.weight)
  const bias = file.constant('float32', [hidden], norm.bias)
  return file.node('LayerNormalization', [x, weight, bias], { axis: 1, epsilon: { float: layerNormEpsilon } })
}

function integers(file: ModelFile, ...values: number[]): Value {
  return file.constant('int64', [values.length], BigInt64Array.from(values, BigInt))
}

function scalar(file: ModelFile, value: number): Value {
  return file.constant('float32', [], Float32Array.of(value))
}

/** ONNX multiplies by [inputs, outputs]; the network keeps [outputs, inputs]. */
function transposed({ rows, columns, weights }: QuantizedTable, weightType: WeightType): Uint8Array {
  // Flipping the top bit of a two's complement byte adds 128.
  const flip = weightType === 'uint8' ? 0x80 : 0
  const bytes = new Uint8Array(weights.buffer, weights.byteOffset, weights.length)
  const out = new Uint8Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) out[column * rows + row] = bytes[row * columns + column]! ^ flip
  }
  return out
}
