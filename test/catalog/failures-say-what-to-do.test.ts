import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { newCache, pullAll, REPO, removeCaches } from '../support/cache.ts'
import { type FakeHub, sha256, startFakeHub, TOKEN_THAT_MAY_READ } from '../support/hub.ts'

const FILES = { 'config.json': Buffer.from('{}'), 'model.safetensors': Buffer.alloc(100_000, 7) }

let hub: FakeHub
beforeEach(async () => {
  hub = await startFakeHub([
    { id: REPO, files: FILES },
    { id: 'someone/gated', files: FILES, access: 'gated' },
    { id: 'someone/private', files: FILES, access: 'private' },
  ])
  return () => hub.close()
})
afterAll(removeCaches)

describe('the Hub refuses', () => {
  it.each([
    [
      'a gated repository without a token',
      { repo: 'someone/gated' },
      'gated',
      /is gated: ask for access.*set HF_TOKEN/,
    ],
    ['a gated repository with another token', { repo: 'someone/gated', token: 'hf_other' }, 'gated', /ask for access/],
    ['a private repository', { repo: 'someone/private' }, 'repo_not_found', /or it is private.*HF_TOKEN/],
    ['a repository that is not there', { repo: 'someone/absent' }, 'repo_not_found', /no repository someone\/absent/],
    [
      'a repository that is not there, with a token',
      { repo: 'a/b', token: 'hf_other' },
      'repo_not_found',
      /check the name/,
    ],
    ['a token that it does not know', { token: 'hf_unknown' }, 'unauthorized', /does not know the token/],
    ['a revision that is not there', { revision: 'v9' }, 'revision_not_found', /no revision "v9"/],
  ])('%s', async (_, options, code, message) => {
    await expect(pullAll(hub, newCache(), options)).rejects.toMatchObject({ code, message })
    // None of these gets better by asking again.
    expect(hub.seen.length).toBeLessThanOrEqual(2)
  })

  it('a file that it lists and does not have', async () => {
    hub.fault = ({ method }) =>
      method === 'HEAD' ? { status: 404, headers: { 'x-error-code': 'EntryNotFound' } } : undefined
    await expect(pullAll(hub, newCache())).rejects.toMatchObject({
      code: 'file_not_found',
      message: /someone\/a-model has no file "config.json"/,
    })
  })

  it.each([
    [401, 'repo_not_found'],
    [403, 'gated'],
    [404, 'repo_not_found'],
    [418, 'bad_answer'],
  ])('with a bare %i', async (status, code) => {
    hub.fault = () => ({ status })
    await expect(pullAll(hub, newCache())).rejects.toMatchObject({ code })
  })
})

it('a token that may read opens what is gated or private', async () => {
  for (const repo of ['someone/gated', 'someone/private'])
    expect(await pullAll(hub, newCache(), { repo, token: TOKEN_THAT_MAY_READ })).toMatchObject({
      files: Object.keys(FILES),
    })
})

describe('this machine refuses', () => {
  it('where it is told to stay offline, and asks nobody', async () => {
    await expect(pullAll(hub, newCache(), { offline: true })).rejects.toMatchObject({
      code: 'offline',
      message: /offline/,
    })
    expect(hub.seen).toEqual([])
  })

  it.each(['../../etc', 'a/b/c', 'a--b/c', '-a/b', 'a/b.git', '', 'a b', 'ä/b', 'a/..'])('the id %j', async (repo) => {
    await expect(pullAll(hub, newCache(), { repo })).rejects.toMatchObject({
      code: 'repo_not_found',
      message: /is no id/,
    })
    expect(hub.seen).toEqual([])
  })

  it.each(['../main', '/main', 'a/../../b', '', 'a\\b', 'a\0b'])('the revision %j', async (revision) => {
    await expect(pullAll(hub, newCache(), { revision })).rejects.toMatchObject({ code: 'revision_not_found' })
    expect(hub.seen).toEqual([])
  })

  it('a server that is not there', async () => {
    const endpoint = hub.url
    await hub.close()
    await expect(pullAll(hub, newCache(), { endpoint })).rejects.toMatchObject({
      code: 'unreachable',
      message: /127\.0\.0\.1:\d+ cannot be reached: the connection failed \(ECONNREFUSED\)/,
    })
  })

  it('a file for which the disk has no room, before it begins', async () => {
    hub.fault = ({ method }) =>
      method === 'HEAD' ? { alter: { 'content-length': '', 'x-linked-size': '1000000000000000' } } : undefined
    await expect(pullAll(hub, newCache())).rejects.toMatchObject({
      code: 'disk_full',
      message: /The disk is full.*HF_HUB_CACHE/,
    })
    expect(hub.seen.some(({ method, path }) => method === 'GET' && path.includes('resolve'))).toBe(false)
  })

  it.skipIf(!existsSync('/dev/full'))('a file that fills the disk while it comes', async () => {
    const cache = newCache()
    const partial = join(cache, 'models--someone--a-model/blobs', `${sha256(FILES['model.safetensors'])}.incomplete`)
    mkdirSync(dirname(partial), { recursive: true })
    // A device that takes nothing, as a full disk does.
    symlinkSync('/dev/full', partial)
    await expect(pullAll(hub, cache)).rejects.toMatchObject({ code: 'disk_full', message: /The disk is full/ })
  })

  it('a cache that is not a folder', async () => {
    const file = join(newCache(), 'file')
    writeFileSync(file, '')
    await expect(pullAll(hub, file)).rejects.toMatchObject({ code: 'cannot_write', message: /HF_HUB_CACHE/ })
  })

  it.skipIf(process.getuid?.() === 0)('a cache that may not be written', async () => {
    const cache = newCache()
    chmodSync(cache, 0o500)
    await expect(pullAll(hub, cache)).rejects.toMatchObject({ code: 'cannot_write' })
  })
})
