import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, it } from 'vitest'
import { filesIn, hashesIn, hashesOf, newCache, pullAll, REPO, removeCaches } from '../support/cache.ts'
import { COMMIT, type FakeHub, gitSha1, sha256, startFakeHub } from '../support/hub.ts'

const FILES = {
  'config.json': Buffer.from('{"model_type": "distilbert"}'),
  'sub folder/vocab.txt': Buffer.from('[PAD]\nä\n'),
  'empty.txt': Buffer.alloc(0),
  'model.safetensors': randomBytes(3_000_000),
}
const FOLDER = 'models--someone--a-model'

let hub: FakeHub
beforeEach(async () => {
  hub = await startFakeHub([{ id: REPO, files: FILES, refs: ['main', 'refs/pr/4'] }])
  return () => hub.close()
})
afterAll(removeCaches)

it('the files lie in the layout of huggingface_hub, with relative links, a ref and no leftovers', async () => {
  const cache = newCache()
  const pulled = await pullAll(hub, cache)
  expect(pulled).toMatchObject({ commit: COMMIT, totalBytes: 3_000_000 + 28 + 9, fetchedBytes: 3_000_000 + 28 + 9 })
  expect(hashesIn(pulled)).toEqual(hashesOf(FILES))
  const hashes = [gitSha1(FILES['config.json']), gitSha1(FILES['sub folder/vocab.txt']), gitSha1(FILES['empty.txt'])]
  const blobs = [...hashes, sha256(FILES['model.safetensors'])].map((hash) => `${FOLDER}/blobs/${hash}`)
  const pointers = Object.keys(FILES).map((path) => `${FOLDER}/snapshots/${COMMIT}/${path}`)
  const files = filesIn(cache).filter((path) => !path.startsWith('.locks/'))
  expect(files).toEqual([...blobs, ...pointers, `${FOLDER}/refs/main`].toSorted())
  expect(readlinkSync(join(pulled.folder, 'config.json'))).toBe(`../../blobs/${hashes[0]}`)
  expect(readlinkSync(join(pulled.folder, 'sub folder/vocab.txt'))).toBe(`../../../blobs/${hashes[1]}`)
  expect(readFileSync(join(cache, FOLDER, 'refs/main'), 'utf8')).toBe(COMMIT)
})

it('what is here already is not fetched again, and a ref is moved to a new commit', async () => {
  const cache = newCache()
  await pullAll(hub, cache)
  const [repo] = hub.repos
  repo!.commit = 'a'.repeat(40)
  repo!.files = { ...FILES, 'config.json': Buffer.from('{}') }
  hub.seen.length = 0
  const pulled = await pullAll(hub, cache)
  expect(pulled).toMatchObject({ commit: 'a'.repeat(40), fetchedBytes: 2 })
  expect(hub.seen.some(({ server }) => server === 'cdn')).toBe(false)
  expect(readFileSync(join(cache, FOLDER, 'refs/main'), 'utf8')).toBe('a'.repeat(40))
  expect(hashesIn(pulled)['config.json']).toBe(sha256(Buffer.from('{}')))
})

it('a branch with slashes and a whole commit are revisions too', async () => {
  const cache = newCache()
  await pullAll(hub, cache, { revision: 'refs/pr/4' })
  expect(readFileSync(join(cache, FOLDER, 'refs/refs/pr/4'), 'utf8')).toBe(COMMIT)
  await pullAll(hub, cache, { revision: COMMIT })
  expect(existsSync(join(cache, FOLDER, 'refs', COMMIT))).toBe(false)
})

it('progress grows to the whole', async () => {
  const bytes: number[] = []
  const { totalBytes } = await pullAll(hub, newCache(), { onProgress: (progress) => bytes.push(progress.bytes) })
  expect(bytes).toEqual(bytes.toSorted((a, b) => a - b))
  expect(bytes.at(-1)).toBe(totalBytes)
  expect(bytes.length).toBeGreaterThan(10)
})

it('a blob that was cut short is fetched again', async () => {
  const cache = newCache()
  const pulled = await pullAll(hub, cache)
  writeFileSync(join(cache, FOLDER, 'blobs', sha256(FILES['model.safetensors'])), 'cut')
  expect(await pullAll(hub, cache)).toMatchObject({ fetchedBytes: 3_000_000 })
  expect(hashesIn(pulled)).toEqual(hashesOf(FILES))
})
