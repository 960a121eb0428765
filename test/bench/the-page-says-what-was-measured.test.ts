import { describe, expect, test } from 'vitest'
import { compare } from '../../bench/accuracy.ts'
import { pageOf } from '../../bench/report/page.ts'
import { barChart } from '../../bench/report/plot.ts'
import type { CompetitorResults, Results, Round } from '../../bench/report/results.ts'
import { correlation, quantile, spreadOf } from '../../bench/report/statistics.ts'

const round = (textsPerSecond: number): Round => ({
  texts: 100,
  elapsedMs: 1000,
  textsPerSecond,
  macsPerSecond: textsPerSecond * 1e9,
  p50Ms: 5,
  p99Ms: 9,
})

function competitor(id: string, rates: number[], margins: number[]): CompetitorResults {
  const accuracy = compare(
    [-2, -1, 1, 2],
    margins.map((margin) => 1 / (1 + Math.exp(-margin))),
  )
  const cells = [{ workload: 'sst2-dev' as const, mode: 'http32' as const, rounds: rates.map(round) }]
  return { id, title: id, settings: `settings of ${id}`, versions: { [id]: '1.2.3' }, accuracy, cells }
}

const RESULTS: Results = {
  machine: {
    date: '2026-01-01 00:00',
    commit: 'abc',
    cpu: 'a CPU',
    cores: 2,
    flags: ['avx512_vnni'],
    memoryGiB: 16,
    kernel: 'linux',
    node: 'v24',
    compiler: undefined,
    loadBefore: 0,
  },
  rounds: 3,
  secondsARound: 2,
  quick: false,
  realTexts: true,
  models: [
    {
      name: 'a-model',
      title: 'a model',
      workloads: [
        {
          name: 'sst2-dev',
          title: 'sentences',
          texts: 4,
          meanTokens: 25,
          macs: 1e9,
          linearMacs: 9e8,
          kernelMacs: 9.69e8,
        },
      ],
      // The clock was slower in the last round.
      roof: [1e12, 1e12, 0.8e12].map((allCores) => ({
        'vpdpbusd zmm': { oneCore: allCores / 2, allCores },
        'vpdpbusd ymm': null,
        tdpbusd: null,
      })),
      competitors: [
        competitor('valence-onnx', [400, 430, 410], [-2.1, -0.9, 1.1, 1.9]),
        competitor('wrong', [900, 900, 900], [2, -1, 1, -2]),
        { ...competitor('absent', [], []), cells: [], skipped: 'it is not installed' },
      ],
    },
  ],
}

describe('the results page', () => {
  const page = pageOf(RESULTS, ['plot.svg'])

  test('gives the median with the least and the most, and the share of the roof that there was in each round', () => {
    expect(page).toContain('| valence-onnx | 410 [400–430] (43%) |')
  })

  test('marks whoever fails the gate, and says why somebody is missing', () => {
    expect(page).toContain('| wrong ✗ | 900 (90%) |')
    expect(page).toContain('- absent: it is not installed')
  })

  test('names versions, settings and the random weights', () => {
    expect(page).toContain('(valence-onnx 1.2.3): settings of valence-onnx')
    expect(page).toContain('random weights')
  })
})

describe('the plot', () => {
  test('has a bar for each, and escapes what it is given', () => {
    const bars = [{ label: 'a < b', ours: true, value: spreadOf([1, 2, 3]), note: '' }]
    const svg = barChart({ title: '"&"', subtitle: '', bars })
    expect(svg).toContain('a &#60; b')
    expect(svg.match(/<rect/g)).toHaveLength(1)
    expect(svg).not.toMatch(/aria-label=""/)
  })
})

describe('statistics', () => {
  test('quantiles lie between the values around them', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5)
    expect(quantile([5], 0.99)).toBe(5)
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 })
  })

  test('correlation is 1 for what differs by scale and shift, -1 for what goes the other way', () => {
    expect(correlation([1, 2, 4], [12, 14, 18])).toBeCloseTo(1)
    expect(correlation([1, 2, 4], [-1, -2, -4])).toBeCloseTo(-1)
  })

  test('a gate of the same margins is passed with no difference', () => {
    const same = compare([-1, 1], [1 / (1 + Math.E), 1 / (1 + 1 / Math.E)])
    expect(same).toMatchObject({ labelAgreement: 1, passes: true })
    expect(same.largestScoreDifference).toBeCloseTo(0)
  })
})
