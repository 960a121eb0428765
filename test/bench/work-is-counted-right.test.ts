import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { macsOf, macsOfKernels } from '../../bench/roof/macs.ts'

const DISTILBERT = { layers: 6, hidden: 768, intermediate: 3072, labels: 2 }

/** Counts by going through the products one by one, as a forward pass meets them. */
function countedByHand(
  { layers, hidden, intermediate, labels }: typeof DISTILBERT,
  tokens: number,
  by: 'model' | 'kernels',
): number {
  let macs = 0
  const product = (rows: number, inner: number, columns: number) => {
    macs += rows * inner * columns
  }
  for (let layer = 0; layer < layers; layer++) {
    const isLast = layer === layers - 1
    const asking = isLast ? 1 : tokens
    product(asking, hidden, hidden) // query
    if (isLast && by === 'kernels') {
      product(1, hidden, hidden) // what rows are multiplied with, over all heads
      product(1, hidden, hidden) // value
    } else {
      product(tokens, hidden, 2 * hidden) // key and value
      product(asking, hidden, tokens) // queries with keys, over all heads
      product(asking, tokens, hidden) // weights with values
    }
    product(asking, hidden, hidden) // output
    product(asking, hidden, intermediate)
    product(asking, intermediate, hidden)
  }
  product(1, hidden, hidden) // the head's dense layer
  product(1, hidden, labels)
  return macs
}

describe('multiply-accumulates of a text', () => {
  test('a 25-token sentence through DistilBERT takes 0.921 G in its products with weights', () => {
    const { linear, attention, total } = macsOf(DISTILBERT, 25)
    expect(linear / 1e9).toBeCloseTo(0.921, 3)
    expect(total).toBe(linear + attention)
  })

  test('Valence’s kernels carry out 97% of them', () => {
    expect(macsOfKernels(DISTILBERT, 25) / macsOf(DISTILBERT, 25).total).toBeCloseTo(0.969, 3)
  })

  test('the formulas agree with counting product by product', () => {
    const size = fc.integer({ min: 1, max: 4096 })
    const shape = fc.record({ layers: fc.integer({ min: 1, max: 24 }), hidden: size, intermediate: size, labels: size })
    fc.assert(
      fc.property(shape, fc.integer({ min: 1, max: 512 }), (sizes, tokens) => {
        expect(macsOf(sizes, tokens).total).toBe(countedByHand(sizes, tokens, 'model'))
        expect(macsOfKernels(sizes, tokens)).toBe(countedByHand(sizes, tokens, 'kernels'))
      }),
    )
  })
})
