import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTokenizer } from '../../../../src/engine/tokenizer/tokenizer.ts'
import { anyText } from '../arbitrary-text.ts'
import { tokenizerJson } from './model-files.ts'

const json = tokenizerJson()
const tokenizer = createTokenizer({ tokenizerJson: json }, { maxTokens: 512 })
const unlimited = createTokenizer({ tokenizerJson: json }, { maxTokens: 100_000 })
const START = 0
const END = 2
/** What the engine reads of a text at most. */
const LONGEST = 65_536

const robertaText = fc
  .array(
    fc.oneof(anyText, fc.constantFrom('<s>', '</s>', '<mask>', ' <mask>', '<pad>', "'s", '  ', 'movie', ' movie')),
    {
      maxLength: 6,
    },
  )
  .map((parts) => parts.join(''))

/** The pieces put together again: nothing of a text is lost, but for lone surrogates and the space before <mask>. */
function textOf(ids: Int32Array): string {
  const pieces = new Map(Object.entries(json.model.vocab).map(([piece, id]) => [id, piece]))
  const bytes = [...ids].flatMap((id) => Array.from(pieces.get(id)!, (character) => byteOf(character)))
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes))
}

function byteOf(character: string): number {
  const code = character.charCodeAt(0)
  if (code < 0x100) return code
  const moved = code - 0x100
  if (moved <= 0x20) return moved
  return moved === 0x43 ? 0xad : moved + 0x5e
}

test('the ids of any string spell it', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(textOf(unlimited.encode(text).ids.slice(1, -1))).toBe(text.toWellFormed())
    }),
    { numRuns: 1000 },
  )
})

test('a text keeps its special tokens when it is truncated, and says that it is', () => {
  fc.assert(
    fc.property(robertaText, robertaText, fc.integer({ min: 4, max: 40 }), (text, pair, maxTokens) => {
      const limited = createTokenizer({ tokenizerJson: json }, { maxTokens })
      const whole = unlimited.encode(text)
      const { ids, truncated } = limited.encode(text)
      expect(truncated).toBe(whole.ids.length > maxTokens)
      expect(ids.length).toBe(Math.min(whole.ids.length, maxTokens))
      expect(ids.slice(0, -1)).toEqual(whole.ids.slice(0, ids.length - 1))
      const both = limited.encode(text, pair)
      expect(both.truncated).toBe(unlimited.encode(text, pair).ids.length > maxTokens)
      expect(both.ids.length).toBeLessThanOrEqual(maxTokens)
      for (const one of [ids, both.ids]) expect([one[0], one.at(-1)]).toEqual([START, END])
    }),
    { numRuns: 40 },
  )
})

test('reads a lone surrogate as U+FFFD, and a pair as one character', () => {
  expect(tokenizer.encode('mo\ud800vi\udc00es').ids).toEqual(tokenizer.encode('mo\ufffdvi\ufffdes').ids)
  expect(tokenizer.encode('\udc00\ud800').ids).toEqual(tokenizer.encode('\ufffd\ufffd').ids)
  expect(textOf(tokenizer.encode('a😀b').ids.slice(1, -1))).toBe('a😀b')
})

// The bound is some ten times what each takes on a slow machine: it is there to catch quadratic time.
test.each([
  ['spaces', ' '.repeat(LONGEST)],
  ['one letter', 'a'.repeat(LONGEST)],
  ['one word', 'themovieing'.repeat(LONGEST / 11)],
  ['one word of three bytes a letter', '漢'.repeat(LONGEST)],
  ['one word of emoji', '😀'.repeat(LONGEST / 2)],
  ['ordinary text', 'the quick brown fox '.repeat(LONGEST / 20)],
  ['marks', '!'.repeat(LONGEST)],
  ['opening brackets', '<'.repeat(LONGEST)],
  ['special tokens', '<mask>'.repeat(LONGEST / 6)],
  ['special tokens between spaces', ' <mask>'.repeat(LONGEST / 7)],
  ['spaces before a special token', `${' '.repeat(LONGEST)}<mask>`],
  ['lone surrogates', '\ud800'.repeat(LONGEST)],
])('the longest text of %s takes bounded time', (_, text) => {
  const start = performance.now()
  expect(tokenizer.encode(text).ids.length).toBeGreaterThan(2)
  expect(performance.now() - start).toBeLessThan(2000)
})
