/** The sizes of an encoder that its work depends on. */
export type Shape = { layers: number; hidden: number; intermediate: number; labels: number }

/** Multiply-accumulates that one text needs. */
export type Macs = {
  /** the matrix products with weights, which INT8 engines compute in INT8 */
  linear: number
  /** queries with keys, and the weights with values */
  attention: number
  total: number
}

/**
 * Counts the multiply-accumulates that the answer for one text needs, with the last layer computed for [CLS] only: the head
 * reads nothing else, so there it takes keys and values of every token, but one query, one output and one feed-forward.
 * The count is the model's, the same for all libraries, whatever they spare themselves.
 *
 * @param tokens what the network reads of the text, special tokens included
 */
export function macsOf({ layers, hidden, intermediate, labels }: Shape, tokens: number): Macs {
  const perToken = 4 * hidden * hidden + 2 * hidden * intermediate // query, key, value, output; expand, contract
  const lastLayer = tokens * 2 * hidden * hidden + 2 * hidden * hidden + 2 * hidden * intermediate
  const head = hidden * hidden + hidden * labels
  const linear = (layers - 1) * tokens * perToken + lastLayer + head
  // Each of the tokens that ask has a product of `hidden` with every token, over all heads, and one with its value.
  const attention = (layers - 1) * 2 * tokens * tokens * hidden + 2 * tokens * hidden
  return { linear, attention, total: linear + attention }
}

/**
 * Counts those that Valence's kernels carry out in integers: they take the last layer's keys and values from one product a text
 * instead of one a token (`native/first-token.hpp`).
 *
 * @param tokens what the network reads of the text, special tokens included
 */
export function macsOfKernels(shape: Shape, tokens: number): number {
  const { linear, attention } = macsOf(shape, tokens)
  const { hidden } = shape
  // Their sums over rows, two a head, are in floats.
  return linear - (tokens - 1) * 2 * hidden * hidden + (attention - 2 * tokens * hidden)
}
