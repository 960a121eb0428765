import { isAbsolute, join, relative, win32 } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HubError } from '../../src/catalog/hub/errors.ts'
import {
  byteCount,
  contentHash,
  contentRange,
  isCommitHash,
  isRepoId,
  isSafePath,
  retryAfterMs,
} from '../../src/catalog/hub/names.ts'
import { refusal } from '../../src/catalog/hub/refusal.ts'
import { fileFacts, parseRevision } from '../../src/catalog/hub/repository.ts'

const RUNS = { numRuns: 5000 }

/** What an attacker would make of a path, beside anything at all. */
const nastyPath = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.constantFrom('..', '.', '', 'a', 'C:', '\\', '..\\', '\0', '%2e%2e', 'con', '~', '\u202e', '\ud800'))
    .map((parts) => parts.join('/')),
)
const header = fc.option(
  fc.oneof(
    fc.string(),
    fc.stringMatching(/^(W\/)?"?[0-9a-f]{0,70}"?$/),
    fc.stringMatching(/^-?\d{0,30}(\.\d+)?$/),
    fc.stringMatching(/^bytes \d{0,20}-\d{0,20}\/(\d{0,20}|\*)$/),
  ),
  { nil: undefined },
)

describe('a path that passes', () => {
  it('stays in its folder, under POSIX and Windows', () => {
    fc.assert(
      fc.property(nastyPath, (path) => {
        if (!isSafePath(path)) return
        for (const { join: joined, relative: from, isAbsolute: absolute } of [{ join, relative, isAbsolute }, win32]) {
          const inside = from(joined('/x/cache'), joined('/x/cache', path))
          expect(inside.startsWith('..') && !path.startsWith('..')).toBe(false)
          expect(absolute(inside)).toBe(false)
          expect(inside.split(/[/\\]/)).not.toContain('..')
        }
      }),
      RUNS,
    )
  })

  it.each(['config.json', 'onnx/model.onnx', 'a b/ä.txt', '..a', '.gitattributes'])('may be %j', (path) => {
    expect(isSafePath(path)).toBe(true)
  })

  it.each([
    '..',
    '../a',
    'a/../b',
    '/a',
    'a//b',
    'a/',
    '',
    '.',
    './a',
    'a\\b',
    'c:a',
    'a\0',
    'a\n',
    'x'.repeat(256),
    1,
    null,
  ])('is never %j', (path) => {
    expect(isSafePath(path)).toBe(false)
  })
})

it('an id that passes has one slash at most and no way out', () => {
  fc.assert(
    fc.property(fc.oneof(nastyPath, fc.stringMatching(/^[\w.-]{0,20}\/?[\w.-]{0,20}$/)), (id) => {
      if (!isRepoId(id)) return
      expect(id).toMatch(/^[\w.-]+(\/[\w.-]+)?$/)
      expect(id).not.toMatch(/\.\.|--/)
    }),
    RUNS,
  )
  expect(isRepoId('distilbert/distilbert-base-uncased-finetuned-sst-2-english')).toBe(true)
  expect(isRepoId('@cf/huggingface/distilbert-sst-2-int8')).toBe(false)
})

it('any description is read to a commit and safe paths, or refused as no Hub’s', () => {
  const value = fc.oneof(
    fc.json(),
    fc.string(),
    fc
      .record({
        sha: fc.oneof(fc.constant('a'.repeat(40)), nastyPath),
        siblings: fc.array(fc.record({ rfilename: nastyPath })),
      })
      .map((object) => JSON.stringify(object)),
  )
  fc.assert(
    fc.property(value, (text) => {
      try {
        const { commit, files } = parseRevision(text)
        expect(isCommitHash(commit)).toBe(true)
        expect(files.every(isSafePath)).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(HubError)
        expect(error).toMatchObject({ code: 'bad_answer' })
      }
    }),
    RUNS,
  )
})

it('any headers are read to a hash and a size, or refused as no Hub’s', () => {
  const headers = fc.dictionary(
    fc.constantFrom('etag', 'x-linked-etag', 'x-linked-size', 'content-length', 'x-repo-commit'),
    header,
  )
  fc.assert(
    fc.property(headers, (given) => {
      try {
        const { hash, bytes } = fileFacts('a', 'b'.repeat(40), (name) => given[name])
        expect(hash.hex).toMatch(hash.algorithm === 'sha256' ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{40}$/)
        expect(Number.isSafeInteger(bytes) && bytes >= 0).toBe(true)
      } catch (error) {
        expect(error).toMatchObject({ name: 'HubError', code: 'bad_answer' })
      }
    }),
    RUNS,
  )
})

it('any header by itself is read to what it may be, or to nothing', () => {
  fc.assert(
    fc.property(header, (text) => {
      expect(byteCount(text) ?? 0).toBeGreaterThanOrEqual(0)
      expect(retryAfterMs(text, 0) ?? 0).toBeGreaterThanOrEqual(0)
      expect(contentHash(text)?.hex ?? 'a'.repeat(40)).toMatch(/^([0-9a-f]{40}|[0-9a-f]{64})$/)
      const range = contentRange(text)
      if (range) expect(range.start <= range.end && range.end < range.size).toBe(true)
    }),
    RUNS,
  )
})

it('any refusal is an error with a message of ours, whatever the server says', () => {
  const answer = fc.record({
    status: fc.integer({ min: 100, max: 999 }),
    headers: fc.dictionary(fc.constantFrom('x-error-code', 'x-error-message', 'retry-after'), fc.string()),
  })
  fc.assert(
    fc.property(answer, ({ status, headers }) => {
      const error = refusal(
        { status, host: 'h', isHub: true, header: (name) => headers[name] },
        { repo: 'a/b', revision: 'main' },
      )
      expect(error).toBeInstanceOf(HubError)
      const said = headers['x-error-message']
      if (said !== undefined && said.length > 20) expect(error.message).not.toContain(said)
    }),
    RUNS,
  )
})

it('Retry-After is seconds or a date', () => {
  const now = Date.parse('Wed, 21 Oct 2015 07:28:00 GMT')
  expect(retryAfterMs('120', now)).toBe(120_000)
  expect(retryAfterMs('Wed, 21 Oct 2015 07:29:00 GMT', now)).toBe(60_000)
  expect(retryAfterMs('Wed, 21 Oct 2015 07:27:00 GMT', now)).toBe(0)
  expect(retryAfterMs('-5', now)).toBeUndefined()
  expect(retryAfterMs('soon', now)).toBeUndefined()
})
