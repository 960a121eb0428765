import { expect, it } from 'vitest'
import { byScore } from '../../src/dialects/dialect.ts'
import { inModelOrder } from '../../src/dialects/workers-ai/batch.ts'

const labelled = (scores: number[]) => scores.map((score, index) => ({ label: `label ${index}`, score }))

/** The model itself may have left the catalog meanwhile; the kept result is all there is. */
it.each([[[0.1, 0.9]], [[0.9, 0.1]], [[0.5, 0.5]], [[0.3, 0.4, 0.3]], [[0.2, 0.3, 0.2, 0.3, 0]], [[-0, 0, 1]]])(
  'also where labels have the same score: %s',
  (probs) => {
    const scores = labelled(probs)
    expect(inModelOrder({ scores: byScore(scores), probs })).toEqual(scores)
  },
)
