import { describe, expect, it } from 'vitest'
import { type Said, scoreCandidates, winnerOf } from '../../src/jobs/evals/score.ts'
import { compareAnswers, outputOf } from '../../src/jobs/replays/compare.ts'

const MODELS = ['good', 'cheap', 'fast']
const EXPECTED = ['positive', 'Negative', 'POSITIVE', 'neutral']

const SAID = [
  [said('POSITIVE', 9, 50), said('NEGATIVE', 9, 60), said('POSITIVE', 9, 70), said('POSITIVE', 9, 80)],
  [said('POSITIVE', 1, 90), said('POSITIVE', 1, 90), said('POSITIVE', 1, 90), said('POSITIVE', 1, 90)],
  [said('NEGATIVE', 5, 10), said('NEGATIVE', 5, 10), said('POSITIVE', 5, 10), said('NEGATIVE', 5, 99)],
]

it('counts accuracy, macro F1, cost and latencies', () => {
  const { basis, scores } = scoreCandidates(MODELS, SAID, EXPECTED)
  expect(basis).toBe('expected')
  // Of POSITIVE it said 3 and 2 are right of 2, of NEGATIVE 1 of 1; neutral it never said.
  expect(scores[0]).toEqual({
    model: 'good',
    answered: 4,
    failed: 0,
    accuracy: 0.75,
    macroF1: (4 / 5 + 1 + 0) / 3,
    costMicros: 36,
    latencyP50Ms: 60,
    latencyP95Ms: 80,
  })
})

it.each([
  ['quality', 'good'],
  ['cost', 'cheap'],
  ['speed', 'fast'],
] as const)('%s is won by %s', (metric, winner) => {
  expect(winnerOf(scoreCandidates(MODELS, SAID, EXPECTED).scores, metric)?.model).toBe(winner)
})

it('a candidate that failed does not win by having cost nothing, and where all failed nobody wins', () => {
  const failed = { label: undefined, costMicros: 0, latencyMs: 0 }
  const { scores } = scoreCandidates(['a', 'b'], [[failed, failed], SAID[0]!.slice(0, 2)], EXPECTED.slice(0, 2))
  expect(winnerOf(scores, 'cost')?.model).toBe('b')
  expect(scores[0]).toMatchObject({ answered: 0, failed: 2, accuracy: 0, latencyP50Ms: null })
  expect(winnerOf(scoreCandidates(['a'], [[failed]], ['x']).scores, 'quality')).toBeUndefined()
})

describe('without expected labels', () => {
  it('what most candidates said counts as right, and the answer says so', () => {
    const { basis, scores } = scoreCandidates(MODELS, SAID, [undefined, undefined, undefined, undefined])
    expect(basis).toBe('majority')
    expect(scores.map(({ accuracy }) => accuracy)).toEqual([1, 3 / 4, 2 / 4])
  })

  it('a tie judges nobody', () => {
    const { scores } = scoreCandidates(['a', 'b'], [[said('X', 0, 1)], [said('Y', 0, 1)]], [undefined])
    expect(scores.map(({ accuracy }) => accuracy)).toEqual([null, null])
  })

  it('some expected and some not are mixed', () => {
    expect(scoreCandidates(MODELS, SAID, ['positive', undefined, undefined, undefined]).basis).toBe('mixed')
  })
})

it('answers are compared by their scores', () => {
  const one = [
    { label: 'A', score: 0.75 },
    { label: 'B', score: 0.25 },
  ]
  const other = [
    { label: 'B', score: 0.75 },
    { label: 'A', score: 0.25 },
  ]
  expect(compareAnswers([one], [one]).similarity).toBe(1)
  expect(compareAnswers([one], [other])).toMatchObject({ similarity: 0.5, diff: { labels_changed: 1 } })
  expect(compareAnswers([one, one], [one, [{ label: 'C', score: 1 }]]).similarity).toBe(0.5)
  expect([outputOf([one]), outputOf([one, other])]).toEqual(['A', '["A","B"]'])
})

function said(label: string, costMicros: number, latencyMs: number): Said {
  return { label, costMicros, latencyMs }
}
