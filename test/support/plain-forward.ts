import type { EncodedText } from '../../src/engine/backend.ts'
import type { EncoderLayer, LayerNorm, Network, QuantizedTable } from '../../src/engine/network.ts'

type Matrix = number[][]
type Linear = { rows: number; columns: number; weights: ArrayLike<number>; bias: Float32Array; scales?: Float32Array }

/**
 * The network's forward pass as textbooks have it, in double precision and without INT8 activations: what a network
 * says, whatever computes it. Slow; for tiny networks.
 *
 * @returns logits [labels]
 */
export function plainForward(network: Network, { ids, typeIds }: EncodedText): number[] {
  const { hidden, typeEmbeddings } = network
  const summed = Array.from(ids, (id, position) =>
    row(network.wordEmbeddings, id).map(
      (word, i) =>
        word +
        network.positionEmbeddings[position * hidden + i]! +
        (typeEmbeddings?.[typeIds[position]! * hidden + i] ?? 0),
    ),
  ) // [tokens, hidden]
  const embedded = normalised(summed, network.embeddingNorm, network.layerNormEpsilon)
  const encoded = network.layers.reduce((x, layer) => encode(network, layer, x), embedded)
  const dense = product(network.headDense, encoded[0]!)
  const pooled = dense.map(network.headActivation === 'tanh' ? Math.tanh : (value) => Math.max(0, value))
  return product(network.classifier, pooled)
}

function encode(network: Network, layer: EncoderLayer, x: Matrix): Matrix {
  const epsilon = network.layerNormEpsilon
  const attended = attention(network, layer, x).map((token) => product(layer.attentionOutput, token))
  const middle = normalised(added(attended, x), layer.attentionNorm, epsilon)
  const fed = middle.map((token) => product(layer.contract, product(layer.expand, token).map(gelu)))
  return normalised(added(fed, middle), layer.outputNorm, epsilon)
}

function attention({ hidden, heads }: Network, layer: EncoderLayer, x: Matrix): Matrix {
  const width = hidden / heads
  const all = x.map((token) => product(layer.queryKeyValue, token)) // [tokens, 3·hidden]
  const part = (which: number, head: number) =>
    all.map((token) => token.slice(which * hidden + head * width, which * hidden + (head + 1) * width))
  const byHead = Array.from({ length: heads }, (_, head) => {
    const [queries, keys, values] = [part(0, head), part(1, head), part(2, head)]
    return queries.map((query) => {
      const weights = softmax(keys.map((key) => dot(query, key) / Math.sqrt(width)))
      return Array.from({ length: width }, (_, i) =>
        dot(
          weights,
          values.map((value) => value[i]!),
        ),
      )
    })
  }) // [heads, tokens, width]
  return x.map((_, token) => byHead.flatMap((head) => head[token]!))
}

function row({ columns, weights, scales }: QuantizedTable, index: number): number[] {
  return Array.from(weights.subarray(index * columns, (index + 1) * columns), (weight) => weight * scales[index]!)
}

function product({ rows, columns, weights, bias, scales }: Linear, x: readonly number[]): number[] {
  return Array.from({ length: rows }, (_, output) => {
    const sum = x.reduce((total, value, input) => total + value * weights[output * columns + input]!, 0)
    return sum * (scales?.[output] ?? 1) + bias[output]!
  })
}

function normalised(x: Matrix, { weight, bias }: LayerNorm, epsilon: number): Matrix {
  return x.map((token) => {
    const mean = sum(token) / token.length
    const variance = sum(token.map((value) => (value - mean) ** 2)) / token.length
    return token.map((value, i) => ((value - mean) / Math.sqrt(variance + epsilon)) * weight[i]! + bias[i]!)
  })
}

function added(a: Matrix, b: Matrix): Matrix {
  return a.map((token, n) => token.map((value, i) => value + b[n]![i]!))
}

function softmax(scores: number[]): number[] {
  const exponentials = scores.map((score) => Math.exp(score - Math.max(...scores)))
  return exponentials.map((value) => value / sum(exponentials))
}

function gelu(x: number): number {
  return (x / 2) * (1 + erf(x / Math.SQRT2))
}

/** 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1·3·5···(2n+1)): all terms of one sign, so nothing cancels. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x)
  let term = x
  let total = x
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n++) {
    term *= (2 * x * x) / (2 * n + 1)
    total += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((total, value, i) => total + value * b[i]!, 0)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
