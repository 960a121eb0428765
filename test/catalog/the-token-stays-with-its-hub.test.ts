import { afterAll, beforeEach, expect, it } from 'vitest'
import { newCache, pullAll, REPO, removeCaches } from '../support/cache.ts'
import { type FakeHub, startFakeHub, TOKEN_THAT_MAY_READ } from '../support/hub.ts'

const FILES = {
  'config.json': Buffer.from('{}'),
  'vocab.txt': Buffer.from('a'),
  'model.safetensors': Buffer.alloc(1000, 1),
}

let hub: FakeHub
beforeEach(async () => {
  hub = await startFakeHub([{ id: REPO, files: FILES, access: 'private' }])
  return () => hub.close()
})
afterAll(removeCaches)

it('the Hub gets it with every request, relative redirects included; a server that it redirects to never does', async () => {
  await pullAll(hub, newCache(), { token: TOKEN_THAT_MAY_READ })
  const authorizations = (server: string) => [
    ...new Set(hub.seen.filter((seen) => seen.server === server).map(({ headers }) => headers.authorization)),
  ]
  expect(authorizations('hub')).toEqual([`Bearer ${TOKEN_THAT_MAY_READ}`])
  expect(authorizations('cdn')).toEqual([undefined])
  expect(hub.seen.some(({ path }) => path.startsWith('/api/resolve-cache/'))).toBe(true)
})

it('a failure shows neither it nor a signed address', async () => {
  hub.fault = ({ server }) => (server === 'cdn' ? { status: 403 } : undefined)
  const error = await pullAll(hub, newCache(), { token: TOKEN_THAT_MAY_READ }).catch((thrown: Error) => thrown)
  expect(error).toMatchObject({
    code: 'bad_answer',
    message: expect.stringMatching(/^localhost:\d+, to which the Hub redirects/),
  })
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/hf_may|do-not-show/)
})

it('compressed bodies are not asked for, and the program says who it is', async () => {
  await pullAll(hub, newCache(), { token: TOKEN_THAT_MAY_READ })
  expect(new Set(hub.seen.map(({ headers }) => headers['accept-encoding']))).toEqual(new Set(['identity']))
  expect(new Set(hub.seen.map(({ headers }) => headers['user-agent']))).toEqual(new Set(['valence-test']))
})
