import { type Activation, activate } from '../engine/activation.ts'
import type { ClassifierConfig } from './config.ts'

/** How far INT8 is from fp32, on some texts. */
export type Comparison = {
  texts: number
  /**
   * the share of texts whose best label is the same; of several labels that may hold together, the share of labels that are
   * on the same side of one half; undefined for a regression, which has none
   */
  labelAgreement: number | undefined
  /** a text's difference is the largest of its labels' */
  meanScoreDifference: number
  largestScoreDifference: number
}

/**
 * @param reference [texts][labels], logits of fp32
 * @param measured [texts][labels], logits of INT8
 */
export function compare(
  reference: readonly Float32Array[],
  measured: readonly Float32Array[],
  { activation, problemType }: { activation: Activation; problemType: ClassifierConfig['problemType'] },
): Comparison {
  const agreements: number[] = []
  const differences: number[] = []
  for (const [index, logits] of reference.entries()) {
    const expected = activate(logits, activation)
    const scores = activate(measured[index]!, activation)
    differences.push(Math.max(...expected.map((score, label) => Math.abs(score - scores[label]!))))
    agreements.push(
      activation === 'sigmoid' ? decisionsInCommon(expected, scores) : Number(best(expected) === best(scores)),
    )
  }
  return {
    texts: reference.length,
    labelAgreement: problemType === 'regression' ? undefined : mean(agreements),
    meanScoreDifference: mean(differences),
    largestScoreDifference: differences.reduce((largest, difference) => Math.max(largest, difference), 0),
  }
}

function decisionsInCommon(expected: number[], scores: number[]): number {
  return mean(expected.map((score, label) => Number(score > 0.5 === scores[label]! > 0.5)))
}

function best(scores: number[]): number {
  return scores.indexOf(Math.max(...scores))
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}
