import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BYTE_CHARACTERS } from '../../../../src/engine/tokenizer/byte-level/byte-alphabet.ts'
import { createBytePairModel } from '../../../../src/engine/tokenizer/byte-level/byte-pair-model.ts'
import { createMerger } from '../../../../src/engine/tokenizer/byte-level/merge.ts'

type Merge = readonly [string, string]

/** Any merges of pieces over few letters, so that they get into each other's way. */
const anyMerges = fc.array(fc.tuple(fc.nat(30), fc.nat(30)), { minLength: 1, maxLength: 25 }).map((choices) => {
  const pieces = ['a', 'b', 'c']
  return choices.map(([left, right]): Merge => {
    const merge = [pieces[left % pieces.length]!, pieces[right % pieces.length]!] as const
    pieces.push(merge.join(''))
    return merge
  })
})

const anyWord = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 60 }).map((letters) => letters.join(''))

/** The definition, as slow as it is plain: look for the best pair in the whole word, merge the first such, again. */
function mergedPlainly(word: string, merges: readonly Merge[]): string[] {
  // Of a pair that is there twice the later counts, as in the reference library.
  const ranks = new Map(merges.map(([left, right], rank) => [`${left} ${right}`, rank]))
  const pieces = word.split('')
  while (true) {
    const candidates = pieces.slice(1).map((right, index) => ranks.get(`${pieces[index]} ${right}`) ?? Infinity)
    const best = Math.min(...candidates)
    if (best === Infinity) return pieces
    const at = candidates.indexOf(best)
    pieces.splice(at, 2, pieces[at]! + pieces[at + 1]!)
  }
}

test('gives the pieces of the plain definition for any merges and any word', () => {
  fc.assert(
    fc.property(anyMerges, fc.array(anyWord, { minLength: 1, maxLength: 5 }), (merges, words) => {
      const pieces = [...new Set([...BYTE_CHARACTERS, ...merges.map((merge) => merge.join(''))])]
      const merge = createMerger(createBytePairModel(new Map(pieces.map((piece, id) => [piece, id])), merges))
      for (const word of words) {
        const ids: number[] = []
        merge(new TextEncoder().encode(word), ids)
        expect(ids.map((id) => pieces[id])).toEqual(mergedPlainly(word, merges))
      }
    }),
    { numRuns: 2000 },
  )
})
