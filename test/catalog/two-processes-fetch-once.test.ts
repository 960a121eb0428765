import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { lock } from '../../src/catalog/hub/lock.ts'
import { lockByFile } from '../../src/catalog/hub/lock-file.ts'
import { hashesIn, hashesOf, newCache, pullAll, REPO, removeCaches } from '../support/cache.ts'
import { type FakeHub, type Seen, startFakeHub } from '../support/hub.ts'
import { runToEnd } from '../support/python.ts'

const FILES = {
  'config.json': Buffer.from('{}'),
  'tokenizer.json': Buffer.from('{"a": 1}'),
  'model.safetensors': randomBytes(2_000_000),
}

let hub: FakeHub
beforeEach(async () => {
  hub = await startFakeHub([{ id: REPO, files: FILES }])
  return () => hub.close()
})
afterAll(removeCaches)

const toCdn = ({ server }: Seen) => server === 'cdn'

it('one fetches, the other waits and takes what came', async () => {
  const cache = newCache()
  hub.fault = (seen) => (toCdn(seen) ? { slowMs: 20 } : undefined)
  const env = { HF_ENDPOINT: hub.url, HF_HUB_CACHE: cache, VALENCE_OFFLINE: '' }
  const ended = await Promise.all(
    [1, 2, 3].map(() => runToEnd(process.execPath, ['src/cli/valence.js', 'pull', REPO, '--json'], env)),
  )
  expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(ended.map(() => [0, '']))
  const fetched = ended.map(({ stdout }) => (JSON.parse(stdout) as { fetchedBytes: number }).fetchedBytes)
  expect(fetched.reduce((sum, bytes) => sum + bytes)).toBe(2_000_000 + 2 + 8)
  expect(hub.seen.filter(toCdn)).toHaveLength(1)
  expect(hashesIn(await pullAll(hub, cache))).toEqual(hashesOf(FILES))
})

it('two pulls of one process do the same', async () => {
  const cache = newCache()
  const pulled = await Promise.all([pullAll(hub, cache), pullAll(hub, cache)])
  expect(pulled.reduce((sum, { fetchedBytes }) => sum + fetchedBytes, 0)).toBe(2_000_000 + 2 + 8)
})

describe.each([
  ['held by the program flock', lock],
  ['that is a file', lockByFile],
])('a lock %s', (_, take) => {
  const never = new AbortController().signal

  it('is had by one at a time', async () => {
    const path = join(newCache(), 'a.lock')
    let holders = 0
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        const release = await take(path, never)
        expect(++holders).toBe(1)
        await setTimeout(20)
        holders--
        await release()
      }),
    )
  })

  it('is not waited for any longer when the wait is aborted', async () => {
    const path = join(newCache(), 'a.lock')
    const release = await take(path, never)
    await expect(take(path, AbortSignal.timeout(50))).rejects.toMatchObject({ name: 'TimeoutError' })
    await release()
    await (await take(path, never))()
  })

  it('is free when its holder was killed', async () => {
    const path = join(newCache(), 'a.lock')
    const module = take === lock ? 'lock' : 'lock-file'
    const child = spawn(process.execPath, [
      '-e',
      `import(${JSON.stringify(join(process.cwd(), `src/catalog/hub/${module}.ts`))}).then(async (m) => {
        await m.${take.name}(${JSON.stringify(path)}, new AbortController().signal)
        console.log('held')
        setInterval(() => {}, 1000)
      })`,
    ])
    await new Promise((resolve) => child.stdout.once('data', resolve))
    await expect(take(path, AbortSignal.timeout(300))).rejects.toThrow()
    child.kill('SIGKILL')
    await (await take(path, never))()
  })
})

describe('a lock file', () => {
  const never = new AbortController().signal

  it('of a machine that was not heard of for long is nobody’s', async () => {
    const path = join(newCache(), 'a.lock')
    writeFileSync(path, JSON.stringify({ pid: 1, machine: 'another', token: 'x' }))
    await expect(lockByFile(path, AbortSignal.timeout(300))).rejects.toThrow()
    utimesSync(path, new Date(0), new Date(0))
    const release = await lockByFile(path, never)
    expect(readFileSync(path, 'utf8')).toContain(`"pid":${process.pid}`)
    await release()
    expect(existsSync(path)).toBe(false)
  })

  it('that somebody else has taken meanwhile is left to them', async () => {
    const path = join(newCache(), 'a.lock')
    const release = await lockByFile(path, never)
    writeFileSync(path, 'theirs')
    await release()
    expect(readFileSync(path, 'utf8')).toBe('theirs')
  })
})

it.skipIf(spawnSync('flock', ['--version']).error !== undefined)(
  'the lock is the one that others take by flock',
  async () => {
    const path = join(newCache(), 'a.lock')
    const release = await lock(path, new AbortController().signal)
    expect(spawnSync('flock', ['-n', path, 'true']).status).toBe(1)
    await release()
    expect(spawnSync('flock', ['-n', path, 'true']).status).toBe(0)
  },
)
