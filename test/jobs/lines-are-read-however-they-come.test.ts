import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Line, type Position, readLines } from '../../src/jobs/batches/lines.ts'

const MAX_LINE_BYTES = 100

async function* inPieces(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let start = 0, turn = 0; start < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length]!
    yield bytes.subarray(start, start + size)
    start += size
  }
}

async function gathered<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of source) all.push(item)
  return all
}

function withoutEnd(line: Line): Omit<Line, 'end'> {
  const { end, ...rest } = line
  expect(end).toBeGreaterThan(0)
  return rest
}

async function linesOf(bytes: Uint8Array, sizes: readonly number[], from?: Position): Promise<Line[]> {
  return gathered(
    readLines(inPieces(from ? bytes.subarray(from.end) : bytes, sizes), {
      maxLineBytes: MAX_LINE_BYTES,
      ...(from && { from }),
    }),
  )
}

const textLine = fc.oneof(
  fc.string({ maxLength: 40, unit: 'binary' }).map((text) => text.replace(/[\r\n\uFEFF]/g, '')),
  fc.constantFrom('', '   ', '\t', 'x'.repeat(MAX_LINE_BYTES), 'x'.repeat(MAX_LINE_BYTES + 1), 'é'.repeat(60)),
)
const file = fc.record({
  lines: fc.array(fc.tuple(textLine, fc.constantFrom('\n', '\r\n')), { maxLength: 12 }),
  mark: fc.boolean(),
  last: fc.constantFrom('', 'the end', '  '),
})
const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 })

function bytesOf({ lines, mark, last }: { lines: [string, string][]; mark: boolean; last: string }): Buffer {
  return Buffer.from((mark ? '\uFEFF' : '') + lines.map(([text, end]) => text + end).join('') + last)
}

describe('the reader of lines', () => {
  it('finds the same lines wherever the pieces are cut', async () => {
    await fc.assert(
      fc.asyncProperty(file, sizes, async (made, cuts) => {
        const bytes = bytesOf(made)
        expect(await linesOf(bytes, cuts)).toEqual(await linesOf(bytes, [1_000_000]))
      }),
      { numRuns: 300 },
    )
  })

  it('finds what was written, under its number', async () => {
    await fc.assert(
      fc.asyncProperty(file, sizes, async (made, cuts) => {
        const bytes = bytesOf(made)
        const found = await linesOf(bytes, cuts)
        const written = [...made.lines.map(([text, end]) => ({ text, end })), { text: made.last, end: '' }]
        const expected = written.flatMap(({ text, end }, index): object[] => {
          const mark = index === 0 && made.mark ? 3 : 0
          const size = Buffer.byteLength(text) + mark + (end === '\r\n' ? 1 : 0)
          if (size > MAX_LINE_BYTES) return [{ number: index + 1, problem: 'too_long' }]
          return text.trim() === '' ? [] : [{ number: index + 1, text }]
        })
        expect(found.map(withoutEnd)).toEqual(expected)
      }),
      { numRuns: 300 },
    )
  })

  it('goes on after any line as if it had never stopped', async () => {
    await fc.assert(
      fc.asyncProperty(file, sizes, async (made, cuts) => {
        const bytes = bytesOf(made)
        const whole = await linesOf(bytes, cuts)
        for (const [index, { number, end }] of whole.entries()) {
          expect(await linesOf(bytes, cuts, { number, end })).toEqual(whole.slice(index + 1))
        }
      }),
      { numRuns: 100 },
    )
  })

  it('reports bytes that are no UTF-8, in their line alone', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, async (cuts) => {
        const bytes = Buffer.concat([Buffer.from('good\n'), Buffer.from([0x62, 0xc3, 0x28, 0x0a]), Buffer.from('good')])
        expect(await linesOf(bytes, cuts)).toEqual([
          { number: 1, end: 5, text: 'good' },
          { number: 2, end: 9, problem: 'not_utf8' },
          { number: 3, end: 13, text: 'good' },
        ])
      }),
    )
  })

  it('keeps nothing of a line that is too long', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      const piece = Buffer.alloc(65_536, 'x')
      for (let pieces = 0; pieces < 4000; pieces += 1) yield piece
      yield Buffer.from('\nshort')
    }
    const before = process.memoryUsage().arrayBuffers
    const lines = await gathered(readLines(endless(), { maxLineBytes: MAX_LINE_BYTES }))
    expect(lines.map(withoutEnd)).toEqual([
      { number: 1, problem: 'too_long' },
      { number: 2, text: 'short' },
    ])
    // Of 262 MB that went by.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000)
  })
})
