/** What turns logits into scores. */
export type Activation = 'softmax' | 'sigmoid' | 'none'

/** @returns scores in the order of the logits, computed in double precision */
export function activate(logits: Float32Array, activation: Activation): number[] {
  if (activation === 'none') return Array.from(logits)
  if (activation === 'sigmoid') return Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)))
  // Less the largest logit, which changes nothing but keeps exp() from overflowing.
  let largest = Number.NEGATIVE_INFINITY
  for (const logit of logits) largest = Math.max(largest, logit)
  const scores: number[] = []
  let sum = 0
  for (const logit of logits) {
    const exponential = Math.exp(logit - largest)
    scores.push(exponential)
    sum += exponential
  }
  for (let index = 0; index < scores.length; index++) scores[index]! /= sum
  return scores
}
