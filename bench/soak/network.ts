import { quantiseRows, sharedFloat32 } from '../../src/convert/quantise.ts'
import type { FloatLinear, LayerNorm, Network, QuantizedLinear } from '../../src/engine/network.ts'

const ROWS_OF_EMBEDDINGS = 512
const EXPANSION = 4

/** A network of made-up numbers: it costs little to compute, so that what a call itself costs stands out. */
export function madeUpNetwork({ layers, hidden }: { layers: number; hidden: number }): Network {
  const linear = (rows: number, columns: number): QuantizedLinear => ({
    ...quantiseRows(numbers(rows * columns), rows, columns),
    bias: numbers(rows),
  })
  const norm = (): LayerNorm => ({ weight: sharedFloat32(hidden).fill(1), bias: numbers(hidden) })
  const floatLinear = (rows: number): FloatLinear => ({
    rows,
    columns: hidden,
    weights: numbers(rows * hidden),
    bias: numbers(rows),
  })
  return {
    hidden,
    heads: 4,
    labels: 2,
    maxTokens: ROWS_OF_EMBEDDINGS,
    layerNormEpsilon: 1e-12,
    wordEmbeddings: quantiseRows(numbers(ROWS_OF_EMBEDDINGS * hidden), ROWS_OF_EMBEDDINGS, hidden),
    positionEmbeddings: numbers(ROWS_OF_EMBEDDINGS * hidden),
    typeEmbeddings: numbers(2 * hidden),
    embeddingNorm: norm(),
    layers: Array.from({ length: layers }, () => ({
      queryKeyValue: linear(3 * hidden, hidden),
      attentionOutput: linear(hidden, hidden),
      attentionNorm: norm(),
      expand: linear(EXPANSION * hidden, hidden),
      contract: linear(hidden, EXPANSION * hidden),
      outputNorm: norm(),
    })),
    headDense: floatLinear(hidden),
    headActivation: 'tanh',
    classifier: floatLinear(2),
  }
}

function numbers(length: number): Float32Array {
  // Any numbers that differ will do; those of a formula are the same in every run.
  return sharedFloat32(length).map((_, index) => Math.sin(index * 0.7) * 0.05)
}
