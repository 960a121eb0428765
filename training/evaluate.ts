/**
 * Measures the shipped INT8 model as the engine runs it: `node training/evaluate.ts <SST-2's dev.tsv> <fp32 logits> [backend]`.
 *
 * The fp32 logits are what train.py wrote for the same rows (`dev-logits.json`), in the file's order.
 */
import { readFileSync } from 'node:fs'
import type { BackendChoice } from '../src/engine/pools.ts'
import { embeddedEngine, MODEL, never } from '../test/support/engine.ts'

const CALIBRATION_BINS = 15

const [devFile, logitsFile, backend = 'auto'] = process.argv.slice(2)
if (!devFile || !logitsFile) throw new Error('usage: node training/evaluate.ts <dev.tsv> <dev-logits.json> [backend]')
const rows = readFileSync(devFile, 'utf8')
  .trimEnd()
  .split('\n')
  .slice(1)
  .map((line) => line.split('\t') as [string, string])
const labels = rows.map(([label]) => Number(label))
const fp32 = (JSON.parse(readFileSync(logitsFile, 'utf8')) as [number, number][]).map(positive)

const engine = await embeddedEngine({ backend: backend as BackendChoice })
const results = await engine.classify(
  MODEL,
  rows.map(([, text]) => ({ text: text.trim() })),
  { signal: never() },
)
await engine.close()
const int8 = results.map(({ scores }) => scores[1]!.score)

const differences = int8.map((score, row) => Math.abs(score - fp32[row]!))
console.log({
  rows: rows.length,
  fp32Accuracy: accuracy(fp32),
  int8Accuracy: accuracy(int8),
  labelAgreement: share(int8, (score, row) => score > 0.5 === fp32[row]! > 0.5),
  meanScoreDifference: differences.reduce((sum, difference) => sum + difference, 0) / rows.length,
  largestScoreDifference: Math.max(...differences),
  int8CalibrationError: calibrationError(int8),
})

function positive([negative, other]: [number, number]): number {
  return 1 / (1 + Math.exp(negative - other))
}

function accuracy(scores: number[]): number {
  return share(scores, (score, row) => Number(score > 0.5) === labels[row])
}

function share(scores: number[], holds: (score: number, row: number) => boolean): number {
  return scores.filter(holds).length / scores.length
}

/** Expected calibration error: the mean gap between confidence and accuracy over bins of confidence. */
function calibrationError(scores: number[]): number {
  const bins = Array.from({ length: CALIBRATION_BINS }, () => ({ count: 0, confidence: 0, correct: 0 }))
  scores.forEach((score, row) => {
    const confidence = Math.max(score, 1 - score)
    const bin = bins[Math.min(CALIBRATION_BINS - 1, Math.ceil(confidence * CALIBRATION_BINS) - 1)]!
    bin.count++
    bin.confidence += confidence
    bin.correct += Number(Number(score > 0.5) === labels[row])
  })
  return bins.reduce((sum, { confidence, correct }) => sum + Math.abs(confidence - correct), 0) / scores.length
}
