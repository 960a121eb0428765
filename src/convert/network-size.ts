import type { ClassifierConfig } from './config.ts'

const FLOAT_BYTES = 4

/**
 * How much memory a pass over the longest text takes beside the weights, as ONNX Runtime lays it out and keeps it: the scores
 * of all heads before and after softmax, and some rows of each width for every token. Measured: 30 to 40 MB for 12 heads and
 * 384 wide, where this says 41.
 */
export function workingBytes({ heads, hidden, intermediate, positions }: ClassifierConfig): number {
  return positions * (2 * heads * positions + 3 * intermediate + 8 * hidden) * FLOAT_BYTES
}

/**
 * How much memory the engine's form of a network takes, told from its config alone, before any weight is read.
 *
 * @returns bytes, to within a percent: INT8 for embeddings of words and for matrices of layers, floats for the rest
 */
export function networkBytes(config: ClassifierConfig): number {
  const { hidden, intermediate, layers, labels, vocabulary, positions, types } = config
  const quantised = (rows: number, columns: number) => rows * (columns + FLOAT_BYTES)
  const floats = (count: number) => count * FLOAT_BYTES
  const embeddings = quantised(vocabulary, hidden) + floats((positions + types + 2) * hidden)
  // Queries, keys, values and the attention's output; then out to the intermediate width and back. Norms and biases are floats.
  const matrices = quantised(4 * hidden, hidden) + quantised(intermediate, hidden) + quantised(hidden, intermediate)
  const layer = matrices + floats(9 * hidden + intermediate)
  const head = floats(hidden * (hidden + 1) + labels.length * (hidden + 1))
  return embeddings + layers * layer + head
}
