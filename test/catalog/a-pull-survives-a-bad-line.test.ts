import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { filesIn, hashesIn, hashesOf, newCache, pullAll, REPO, removeCaches } from '../support/cache.ts'
import { type FakeHub, type Fault, type Seen, sha256, startFakeHub } from '../support/hub.ts'

const WEIGHTS = randomBytes(4_000_000)
const FILES = {
  'config.json': Buffer.from('{}'),
  'tokenizer.json': Buffer.from('{"a": 1}'),
  'model.safetensors': WEIGHTS,
}
const PARTIAL = `models--someone--a-model/blobs/${sha256(WEIGHTS)}.incomplete`

let hub: FakeHub
beforeEach(async () => {
  hub = await startFakeHub([{ id: REPO, files: FILES }])
  return () => hub.close()
})
afterAll(removeCaches)

const toCdn = ({ server, method }: Seen) => server === 'cdn' && method === 'GET'
const ranges = () => hub.seen.filter(toCdn).map(({ headers }) => headers.range)

/** Faults for the requests that match, one after another; then none. */
function faults(matches: (seen: Seen) => boolean, ...list: Fault[]): void {
  hub.fault = (seen) => (matches(seen) ? list.shift() : undefined)
}

async function expectWhole(cache: string): Promise<void> {
  expect(hashesIn(await pullAll(hub, cache))).toEqual(hashesOf(FILES))
  expect(filesIn(cache).filter((path) => path.endsWith('.incomplete') || path.endsWith('.tmp'))).toEqual([])
}

describe('a connection that breaks', () => {
  it('in the middle: the rest is asked for, from where it ended', async () => {
    faults(toCdn, { dropAfter: 1_500_000 }, { dropAfter: 1_000_000 })
    await expectWhole(newCache())
    const [first, ...rest] = ranges().map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0))
    expect([first, rest.length]).toEqual([0, 2])
    // A client that is slow to read may have lost the end of what was sent.
    expect(rest[0]).toBeGreaterThan(0)
    expect(rest[1]).toBeGreaterThan(rest[0]!)
    expect(rest[1]).toBeLessThanOrEqual(2_500_000)
  })

  it('more often than there are tries, but gets on each time', async () => {
    const bytes = [1_250_000, 1_250_000, 1_250_000, 1000, 1000, 1000]
    faults(toCdn, ...bytes.map((dropAfter) => ({ dropAfter })))
    await expectWhole(newCache())
  })

  it('before an answer: the request is sent again', async () => {
    // The description, a file's headers, then a file itself.
    faults(() => true, { hangUp: true }, {}, {}, { hangUp: true }, {}, {}, {}, {}, { hangUp: true })
    await expectWhole(newCache())
  })

  it('in the middle of the description: it is asked for again', async () => {
    faults(({ path }) => path.startsWith('/api/models'), { dropAfter: 20 })
    await expectWhole(newCache())
  })

  it('and stands still: it is given up and taken up again', async () => {
    faults(toCdn, { stallAfter: 1_000_000 })
    await expectWhole(newCache())
    expect(ranges()).toEqual([undefined, 'bytes=1000000-'])
  })
})

describe('a server', () => {
  it.each([408, 500, 502, 503, 504])('that answers %i is asked again', async (status) => {
    faults(() => true, { status })
    await expectWhole(newCache())
  })

  it('that says 429 is asked again when it said', async () => {
    const started = performance.now()
    faults(({ method }) => method === 'HEAD', { status: 429, headers: { 'retry-after': '2' } })
    await expectWhole(newCache())
    expect(performance.now() - started).toBeGreaterThan(2000)
  })

  it('that asks for more patience than there is gets no more requests', async () => {
    hub.fault = () => ({ status: 429, headers: { 'retry-after': '86400' } })
    await expect(pullAll(hub, newCache())).rejects.toMatchObject({ code: 'rate_limited' })
    expect(hub.seen).toHaveLength(1)
  })

  it('that keeps failing is asked five times, no more', async () => {
    hub.fault = () => ({ status: 503 })
    await expect(pullAll(hub, newCache())).rejects.toMatchObject({ code: 'server_failed', message: /status 503/ })
    expect(hub.seen).toHaveLength(5)
  })

  it('that never answers is given up', async () => {
    hub.fault = () => ({ stallAfter: 0 })
    await expect(pullAll(hub, newCache(), { answerTimeoutMs: 100, idleTimeoutMs: 100 })).rejects.toMatchObject({
      code: 'timed_out',
    })
  })

  it('that knows no ranges sends the whole again', async () => {
    faults(toCdn, { dropAfter: 1_500_000 }, { ignoreRange: true })
    await expectWhole(newCache())
  })

  it.each<Fault>([
    { status: 416, headers: { 'content-range': `bytes */${WEIGHTS.length}` } },
    { alter: { 'content-range': `bytes 7-${WEIGHTS.length - 1}/${WEIGHTS.length}` } },
    { alter: { 'content-range': 'bytes 1500000-1500001/1500002' } },
    { alter: { 'content-range': '' } },
  ])('that goes on elsewhere than was asked is asked for the whole (%o)', async (fault) => {
    faults(toCdn, { dropAfter: 1_500_000 }, fault)
    await expectWhole(newCache())
    expect(ranges().at(-1)).toBeUndefined()
  })
})

it('a proxy is asked for what it is there for, and for nothing else', async () => {
  const cache = newCache()
  const proxies = { HTTP_PROXY: hub.url, NO_PROXY: 'localhost' }
  const pulled = await pullAll(hub, cache, { endpoint: 'http://hub.invalid', proxies })
  expect(hashesIn(pulled)).toEqual(hashesOf(FILES))
})

describe('a process that is killed', () => {
  it('leaves what came, and the next goes on from there', async () => {
    const cache = newCache()
    hub.fault = (seen) => (toCdn(seen) ? { slowMs: 20 } : undefined)
    const child = spawn(process.execPath, ['src/cli/valence.js', 'pull', REPO], {
      env: { ...process.env, HF_ENDPOINT: hub.url, HF_HUB_CACHE: cache, VALENCE_OFFLINE: '' },
      stdio: 'ignore',
    })
    const exited = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
    while (!(sizeOf(join(cache, PARTIAL)) > 500_000)) await setTimeout(5)
    child.kill('SIGKILL')
    expect(await exited).toBe('SIGKILL')
    const had = sizeOf(join(cache, PARTIAL))
    expect(had).toBeLessThan(WEIGHTS.length)

    hub.fault = () => undefined
    hub.seen.length = 0
    await expectWhole(cache)
    expect(ranges()).toEqual([`bytes=${had}-`])
  })
})

describe('an abort', () => {
  it('ends a pull at once, and the next goes on from there', async () => {
    const cache = newCache()
    const controller = new AbortController()
    hub.fault = (seen) => (toCdn(seen) ? { stallAfter: 2_000_000 } : undefined)
    const onProgress = ({ bytes }: { bytes: number }) => {
      if (bytes >= 2_000_000) controller.abort(new Error('enough'))
    }
    const pulling = pullAll(hub, cache, { signal: controller.signal, onProgress, idleTimeoutMs: 60_000 })
    await expect(pulling).rejects.toThrow('enough')
    hub.fault = () => undefined
    await expectWhole(cache)
    expect(ranges().at(-1)).toMatch(/^bytes=[12]\d{6}-$/)
  })

  it('ends the pause before another try', async () => {
    const controller = new AbortController()
    hub.fault = () => ({ status: 429, headers: { 'retry-after': '250' } })
    const pulling = pullAll(hub, newCache(), { signal: controller.signal })
    await setTimeout(100)
    controller.abort(new Error('enough'))
    await expect(pulling).rejects.toThrow('enough')
  })
})

describe('what an earlier pull left', () => {
  it.each([
    ['wrong', Buffer.alloc(1_000_000)],
    ['longer than the file', Buffer.alloc(WEIGHTS.length + 1)],
    ['whole, and wrong', Buffer.alloc(WEIGHTS.length)],
  ])('is thrown away where it is %s', async (_, left) => {
    const cache = newCache()
    mkdirSync(dirname(join(cache, PARTIAL)), { recursive: true })
    writeFileSync(join(cache, PARTIAL), left)
    await expectWhole(cache)
  })

  it('is taken as it is where it is whole and right', async () => {
    const cache = newCache()
    mkdirSync(dirname(join(cache, PARTIAL)), { recursive: true })
    writeFileSync(join(cache, PARTIAL), WEIGHTS)
    await expectWhole(cache)
    expect(ranges()).toEqual([])
    expect(readFileSync(join(cache, PARTIAL.replace('.incomplete', ''))).equals(WEIGHTS)).toBe(true)
  })
})

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
