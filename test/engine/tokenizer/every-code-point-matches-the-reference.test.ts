import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { blocksOf } from '../../../src/engine/tokenizer/blocks.ts'
import { type Normalisation, normalise } from '../../../src/engine/tokenizer/normalise.ts'
import { wordsOf } from '../../../src/engine/tokenizer/words.ts'

const BLOCK = 2048
const HASH_LENGTH = 8

type Reference = Normalisation & { hashes: string }

const references: Reference[] = JSON.parse(readFileSync(new URL('fixtures/code-points.json', import.meta.url), 'utf8'))

/** The text that fixtures/make-fixtures.py gives to the Rust library for the same code points. */
function textOf(firstCodePoint: number): string {
  const parts: string[] = []
  for (let codePoint = firstCodePoint; codePoint < firstCodePoint + BLOCK; codePoint++) {
    if (codePoint >= 0xd800 && codePoint <= 0xdfff) continue
    const character = String.fromCodePoint(codePoint)
    parts.push(`a${character}b \u302e${character}\u1b44`)
  }
  return parts.join(' ')
}

function hashOfWords(text: string, normalisation: Normalisation): string {
  const blocks = Array.from(blocksOf(text), (block) => normalise(block, normalisation))
  const words = [...wordsOf(blocks, Number.POSITIVE_INFINITY)].join(' ')
  return createHash('sha256').update(words).digest('hex').slice(0, HASH_LENGTH)
}

test.each(references)(
  'lowercase $lowercase, stripAccents $stripAccents, spaceChineseCharacters $spaceChineseCharacters',
  { timeout: 120_000 },
  ({ hashes, ...normalisation }) => {
    const differing: string[] = []
    for (let first = 0, index = 0; first <= 0x10ffff; first += BLOCK, index++) {
      const expected = hashes.slice(index * HASH_LENGTH, (index + 1) * HASH_LENGTH)
      if (hashOfWords(textOf(first), normalisation) !== expected) differing.push(`U+${first.toString(16)}`)
    }
    expect(hashes.length / HASH_LENGTH).toBe(0x110000 / BLOCK)
    expect(differing).toEqual([])
  },
)
