/** What turns logits into scores. */
export type Activation = 'softmax' | 'sigmoid' | 'none'

/** @returns scores in the order of the logits, computed in double precision */
export function activate(logits: Float32Array, activation: Activation): number[] {
  if (activation === 'none') return Array.from(logits)
  if (activation === 'sigmoid') return Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)))
  // Less the largest logit, which changes nothing but keeps exp() from overflowing.
  const largest = Math.max(...logits)
  const exponentials = Array.from(logits, (logit) => Math.exp(logit - largest))
  const sum = exponentials.reduce((total, value) => total + value, 0)
  return exponentials.map((value) => value / sum)
}
