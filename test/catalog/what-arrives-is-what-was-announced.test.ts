import { randomBytes } from 'node:crypto'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { filesIn, newCache, pullAll, REPO, removeCaches } from '../support/cache.ts'
import { type FakeHub, type Fault, gitSha1, type Seen, startFakeHub } from '../support/hub.ts'

const CONFIG = Buffer.from('{"model_type": "bert"}')
const WEIGHTS = randomBytes(200_000)

let hub: FakeHub
beforeEach(async () => {
  hub = await startFakeHub([{ id: REPO, files: { 'config.json': CONFIG, 'model.safetensors': WEIGHTS } }])
  return () => hub.close()
})
afterAll(removeCaches)

const weights = ({ server }: Seen) => server === 'cdn'
const config = ({ method, path }: Seen) => method === 'GET' && path.endsWith('config.json')
const anyHead = ({ method }: Seen) => method === 'HEAD'
const description = ({ path }: Seen) => path.startsWith('/api/models')

describe('nothing is put in place where', () => {
  it.each<[string, (seen: Seen) => boolean, Fault, string]>([
    ['a large file has another SHA-256', weights, { bytes: randomBytes(WEIGHTS.length) }, 'corrupt'],
    ['a small file has another Git hash', config, { bytes: Buffer.from('{"model_type": "BERT"}') }, 'corrupt'],
    ['a file is longer than was announced', weights, { bytes: Buffer.concat([WEIGHTS, WEIGHTS]) }, 'corrupt'],
    [
      'a file is always shorter than was announced',
      weights,
      { bytes: WEIGHTS.subarray(1), ignoreRange: true },
      'unreachable',
    ],
    ['an ETag is no hash', anyHead, { alter: { etag: '"abc"', 'x-linked-etag': '"../../etc/passwd"' } }, 'bad_answer'],
    ['there is no ETag', anyHead, { alter: { etag: '', 'x-linked-etag': '' } }, 'bad_answer'],
    ['there is no size', anyHead, { alter: { 'content-length': '', 'x-linked-size': '-1' } }, 'bad_answer'],
    ['a file is of another commit', anyHead, { alter: { 'x-repo-commit': 'f'.repeat(40) } }, 'bad_answer'],
    ['the commit is no hash', description, { bytes: Buffer.from('{"sha": "../../..", "siblings": []}') }, 'bad_answer'],
    ['there is no list of files', description, { bytes: Buffer.from(`{"sha": "${'a'.repeat(40)}"}`) }, 'bad_answer'],
    ['the description is not JSON', description, { bytes: Buffer.from('<html>Sign in to this network') }, 'bad_answer'],
    ['the description has no end', description, { bytes: Buffer.alloc(40_000_000, ' ') }, 'bad_answer'],
    ['a redirect has no address', anyHead, { status: 302 }, 'bad_answer'],
    ['a redirect leads to a file', anyHead, { status: 302, headers: { location: 'file:///etc/passwd' } }, 'bad_answer'],
    ['redirects go in circles', anyHead, { status: 307, headers: { location: '?again' } }, 'bad_answer'],
  ])('%s', async (_, matches, fault, code) => {
    const cache = newCache()
    hub.fault = (seen) => (matches(seen) ? fault : undefined)
    await expect(pullAll(hub, cache)).rejects.toMatchObject({ name: 'HubError', code })
    const written = filesIn(cache).filter((path) => !path.startsWith('.locks/'))
    // A file that came whole and right before the other failed may stay; the ref may not move.
    const allowed = [`blobs/${gitSha1(CONFIG)}`, 'config.json', '.incomplete']
    expect(written.filter((path) => !allowed.some((end) => path.endsWith(end)))).toEqual([])
  })
})

it('a file whose path leads out of the repository is never asked for', async () => {
  const paths = [
    '../../escaped',
    '/etc/escaped',
    'a/../../escaped',
    'C:\\escaped',
    'a\\..\\..\\escaped',
    'a//b',
    'config.json',
  ]
  const listing = { sha: 'a'.repeat(40), siblings: paths.map((rfilename) => ({ rfilename })) }
  hub.repos[0]!.commit = listing.sha
  hub.fault = (seen) => (description(seen) ? { bytes: Buffer.from(JSON.stringify(listing)) } : undefined)
  expect((await pullAll(hub, newCache())).files).toEqual(['config.json'])
})

it('a file that was wrong is asked for anew by the next pull', async () => {
  const cache = newCache()
  hub.fault = (seen) => (weights(seen) ? { bytes: randomBytes(WEIGHTS.length) } : undefined)
  await expect(pullAll(hub, cache)).rejects.toMatchObject({ code: 'corrupt' })
  // It was wrong from its first byte, so it was asked for once.
  expect(hub.seen.filter(weights)).toHaveLength(1)
  hub.fault = () => undefined
  expect(await pullAll(hub, cache)).toMatchObject({ fetchedBytes: WEIGHTS.length })
})
