import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lock } from '../../src/catalog/hub/lock.ts'
import { findSnapshot } from '../../src/catalog/hub/snapshots.ts'
import { hashesIn, hashesOf, newCache, pullAll, REPO, removeCaches } from '../support/cache.ts'
import { COMMIT, type FakeHub, type Seen, sha256, startFakeHub } from '../support/hub.ts'
import { PYTHON, runToEnd, warnWithoutPython } from '../support/python.ts'

warnWithoutPython()

const FILES = {
  'config.json': Buffer.from('{"model_type": "distilbert"}'),
  'sub/vocab.txt': Buffer.from('[PAD]\n'),
  'model.safetensors': randomBytes(1_000_000),
}

let hub: FakeHub
beforeAll(async () => {
  hub = await startFakeHub([{ id: REPO, files: FILES }])
  return () => hub.close()
})
afterAll(removeCaches)

/** Runs Python with huggingface_hub imported as `hub`; gives what it prints, parsed. */
async function python(cacheDir: string, code: string, env: Record<string, string> = {}): Promise<unknown> {
  const script = `import json, hashlib, os, huggingface_hub as hub\n${code}`
  const {
    code: status,
    stdout,
    stderr,
  } = await runToEnd(PYTHON!, ['-c', script], {
    HF_ENDPOINT: hub.url,
    HF_HUB_CACHE: cacheDir,
    HF_HUB_DISABLE_TELEMETRY: '1',
    HF_HUB_DISABLE_PROGRESS_BARS: '1',
    ...env,
  })
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout)
}

const HASHES_OF_SNAPSHOT = `
folder = hub.snapshot_download("${REPO}")
hashes = {path: hashlib.sha256(open(os.path.join(folder, path), "rb").read()).hexdigest() for path in ${JSON.stringify(Object.keys(FILES))}}
print(json.dumps([os.path.basename(folder), hashes]))`

describe.skipIf(PYTHON === undefined)('huggingface_hub', () => {
  it('fetches from the Hub of these tests, so it is one, and Valence takes what it wrote', async () => {
    const cache = newCache()
    expect(await python(cache, HASHES_OF_SNAPSHOT)).toEqual([COMMIT, hashesOf(FILES)])
    const pulled = await pullAll(hub, cache)
    expect(pulled.fetchedBytes).toBe(0)
    expect(hashesIn(pulled)).toEqual(hashesOf(FILES))
    expect(findSnapshot(cache, REPO, () => true)).toMatchObject({ commit: COMMIT, revisions: ['main'] })
  })

  it('finds offline what Valence wrote, the whole and single files', async () => {
    const cache = newCache()
    await pullAll(hub, cache)
    expect(await python(cache, HASHES_OF_SNAPSHOT, { HF_HUB_OFFLINE: '1' })).toEqual([COMMIT, hashesOf(FILES)])
    const found = `
path = hub.hf_hub_download("${REPO}", "sub/vocab.txt")
print(json.dumps([open(path).read(), hub.try_to_load_from_cache("${REPO}", "config.json") is not None]))`
    expect(await python(cache, found, { HF_HUB_OFFLINE: '1' })).toEqual(['[PAD]\n', true])
  })

  it('fetches nothing again that Valence wrote, and sees a sound cache', async () => {
    const cache = newCache()
    await pullAll(hub, cache)
    hub.seen.length = 0
    expect(await python(cache, HASHES_OF_SNAPSHOT)).toEqual([COMMIT, hashesOf(FILES)])
    expect(hub.seen.filter(({ server }) => server === 'cdn')).toEqual([])
    const scan = `
info = hub.scan_cache_dir()
repo, = info.repos
revision, = repo.revisions
print(json.dumps([repo.repo_id, revision.commit_hash, sorted(revision.refs), revision.size_on_disk, [str(w) for w in info.warnings]]))`
    const bytes = Object.values(FILES).reduce((sum, { length }) => sum + length, 0)
    expect(await python(cache, scan)).toEqual([REPO, COMMIT, ['main'], bytes, []])
  })

  it('completes a snapshot of which Valence has part, and the reverse', async () => {
    const cache = newCache()
    await python(cache, `print(json.dumps(hub.hf_hub_download("${REPO}", "model.safetensors") is not None))`)
    expect(await pullAll(hub, cache)).toMatchObject({ fetchedBytes: 28 + 6 })
    expect(await python(cache, HASHES_OF_SNAPSHOT)).toEqual([COMMIT, hashesOf(FILES)])
  })

  it.skipIf(spawnSync('flock', ['--version']).error !== undefined)(
    'waits while Valence fetches, and the reverse',
    async () => {
      const cache = newCache()
      const lockFile = `${cache}/.locks/models--someone--a-model/${sha256(FILES['model.safetensors'])}.lock`
      const release = await lock(lockFile, new AbortController().signal)
      const isLocked = `
import filelock
try:
    filelock.FileLock("${lockFile}").acquire(timeout=0.2)
    print("false")
except filelock.Timeout:
    print("true")`
      expect(await python(cache, isLocked)).toBe(true)
      await release()
      expect(await python(cache, isLocked)).toBe(false)

      // Both at once: the one that comes second finds the other's blob.
      hub.seen.length = 0
      const toCdn = ({ server, method }: Seen) => server === 'cdn' && method === 'GET'
      hub.fault = (seen) => (toCdn(seen) ? { slowMs: 150 } : undefined)
      await Promise.all([pullAll(hub, cache), python(cache, HASHES_OF_SNAPSHOT)])
      hub.fault = () => undefined
      expect(hub.seen.filter(toCdn)).toHaveLength(1)
    },
  )
})
