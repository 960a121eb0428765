import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseInSlices } from '../../src/http/parse-in-slices.ts'

/** What came of a text: its value, which may be undefined nowhere in JSON, or undefined for a SyntaxError. */
async function outcomeOf(parse: () => unknown): Promise<unknown> {
  try {
    return { value: await parse() }
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError)
    return undefined
  }
}

async function expectSame(text: string, pieceLength: number): Promise<void> {
  const expected = await outcomeOf(() => JSON.parse(text))
  const actual = await outcomeOf(() => parseInSlices(text, pieceLength))
  expect(actual, text).toStrictEqual(expected)
  // The order of members, and names that mean something to objects.
  expect(JSON.stringify(actual)).toBe(JSON.stringify(expected))
}

const pieceLength = fc.constantFrom(1, 2, 5, 20, 100)
const space = fc.constantFrom('', ' ', '\n', '\t\r ')
const json = fc
  .tuple(fc.json({ maxDepth: 5, stringUnit: 'binary' }), fc.constantFrom(undefined, 1, '\t'))
  .map(([text, indent]) => JSON.stringify(JSON.parse(text), undefined, indent))

describe('JSON that is parsed in slices', () => {
  it('is what JSON.parse makes of it', () =>
    fc.assert(
      fc.asyncProperty(json, space, pieceLength, async (text, around, length) => {
        await expectSame(around + text + around, length)
      }),
      { numRuns: 2000 },
    ))

  it('is refused where JSON.parse refuses it', () =>
    fc.assert(
      fc.asyncProperty(
        json,
        fc.nat(),
        fc.constantFrom('', ...Array.from(',:[]{}"\\ 1e+-.x\u00a0\ufeff')),
        pieceLength,
        async (text, seed, put, length) => {
          const at = seed % (text.length + 1)
          await expectSame(text.slice(0, at) + put + text.slice(at), length)
          await expectSame(text.slice(0, at) + put + text.slice(at + 1), length)
        },
      ),
      { numRuns: 3000 },
    ))

  it.each([
    '',
    ' ',
    '[',
    ']',
    '{',
    '}',
    '"',
    '[,]',
    '[1,]',
    '[,1]',
    '{,}',
    '{"a":1,}',
    '{"a"}',
    '{"a":}',
    '{a:1}',
    '[1 2]',
    '[1}',
    '{"a":1]',
    '[[1}]',
    '1 2',
    '01',
    '+1',
    '.5',
    'nul',
    'True',
    "'a'",
    '"\\x"',
    '"\n"',
    '[]]',
    '{}{}',
    '[] ,',
    '{"__proto__":{"a":1},"b":2}',
    '{"a":1,"a":2}',
    '{"2":1,"1":2}',
    '{"constructor":1,"toString":2}',
    '"\\\\"',
    '["\\"]"]',
    '[[[[[[1]]]]]]',
    '{"a":{"a":{"a":[{"a":1},{"__proto__":null}]}}}',
    '[1e999,-0,1E+2]',
    ' [ 1 , 2 ] ',
    '"\\ud800"',
  ])('%s', async (text) => {
    for (const length of [1, 3, 1000]) await expectSame(text, length)
  })

  it('may be nested as deep as anybody needs, and no long value deeper', async () => {
    const nested = (depth: number) => `${'['.repeat(depth)}"${'a'.repeat(2000)}"${']'.repeat(depth)}`
    await expectSame(nested(32), 1000)
    await expect(parseInSlices(nested(33), 1000)).rejects.toThrow(SyntaxError)
    await expect(parseInSlices('['.repeat(1_000_000), 1000)).rejects.toThrow(SyntaxError)
    await expectSame(`${'['.repeat(400)}${']'.repeat(400)}`, 1000)
  })

  it('lets others have their turn', async () => {
    const text = JSON.stringify(Array.from({ length: 200_000 }, (_, index) => ({ text: `text number ${index}` })))
    let turns = 0
    const timer = setInterval(() => (turns += 1), 0)
    await parseInSlices(text)
    clearInterval(timer)
    expect(turns).toBeGreaterThan(3)
  })
})
