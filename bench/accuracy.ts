import { readFileSync } from 'node:fs'
import { correlation, mean } from './report/statistics.ts'
import { type BenchModel, folderOf } from './subjects/competitors.ts'
import { readDevSet } from './work/workloads.ts'

/** How close a library's answers come to torch's in fp32, on the same checkpoint. */
export type Accuracy = {
  texts: number
  /** of the margins between the two labels' logits */
  correlation: number
  labelAgreement: number
  meanScoreDifference: number
  largestScoreDifference: number
  /** on SST-2's dev set; only for a model that was trained on it, and where the set is on this machine */
  devAccuracy?: number
  passes: boolean
}

/**
 * What a library must reach to count. They tell INT8 with its usual losses from what computes something else: another
 * model, texts cut elsewhere, or numbers that overflow.
 */
export const GATE = { correlation: 0.98, labelAgreement: 0.93 }

/** A score of exactly 1 has no margin; nearer to it than this no library's float32 tells scores apart. */
const NEAREST_TO_ONE = 1e-7

type Reference = { torch: string; texts: string[]; margins: number[] }

/** @param scores gives the score of POSITIVE for each text */
export async function accuracyOf(model: BenchModel, scores: (texts: string[]) => Promise<number[]>): Promise<Accuracy> {
  const reference = JSON.parse(readFileSync(`${folderOf(model)}-reference.json`, 'utf8')) as Reference
  const compared = compare(reference.margins, await scores(reference.texts))
  const devSet = model.name === 'minilm-sst-2-dequantised' ? readDevSet() : undefined
  if (!devSet) return compared
  const devScores = await scores(devSet.map(({ text }) => text))
  const right = devSet.filter(({ label }, row) => Number(devScores[row]! > 0.5) === label).length
  return { ...compared, devAccuracy: right / devSet.length }
}

/** @param margins of the reference, one a text; @param scores of POSITIVE, one a text */
export function compare(margins: readonly number[], scores: readonly number[]): Accuracy {
  const expected = margins.map((margin) => 1 / (1 + Math.exp(-margin)))
  const differences = scores.map((score, row) => Math.abs(score - expected[row]!))
  const agreeing = scores.filter((score, row) => score > 0.5 === expected[row]! > 0.5).length
  const figures = {
    texts: margins.length,
    correlation: correlation(margins, scores.map(marginOf)),
    labelAgreement: agreeing / margins.length,
    meanScoreDifference: mean(differences),
    largestScoreDifference: Math.max(...differences),
  }
  const passes = figures.correlation >= GATE.correlation && figures.labelAgreement >= GATE.labelAgreement
  return { ...figures, passes }
}

function marginOf(score: number): number {
  const inside = Math.min(1 - NEAREST_TO_ONE, Math.max(NEAREST_TO_ONE, score))
  return Math.log(inside / (1 - inside))
}
