import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResultCache } from '../../src/gateway/cache.ts'
import { addAccount, clientOf, startKeyedServer } from '../support/accounts.ts'
import { embeddedEngine, MODEL, never } from '../support/engine.ts'
import { post, type Reply } from '../support/http.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'

const CHAT = { model: MODEL, messages: [{ role: 'user', content: 'A cached day.' }] }

it.skipIf(!STORE_KINDS.includes('postgres'))('DELETE /v1/cache forgets in every process of a store', async () => {
  await using place = await storePlace('postgres')
  const one = await startKeyedServer(place)
  const other = await startTestServer(['--require-keys'], place.env)
  const [owner, stranger] = [await addAccount(one), await addAccount(one)]
  const ask = async (key: string) => cacheOf(await clientOf(other, key).classify('Kept.', { 'x-cache': 'auto' }))
  for (const { key } of [owner, stranger]) expect([await ask(key), await ask(key)]).toEqual(['miss', 'hit'])
  expect((await clientOf(one, owner.key).delete('/v1/cache')).status).toBe(200)
  // The other process hears of it in a moment.
  while ((await ask(owner.key)) === 'hit') await setTimeout(20)
  expect(await ask(stranger.key)).toBe('hit')
  await Promise.all([one.stop(), other.stop()])
})

describe('over HTTP', () => {
  let server: RunningServer
  beforeAll(async () => {
    server = await startTestServer()
  })
  afterAll(() => server.stop())

  const chat = (headers?: Record<string, string>) => post(`${server.url}/v1/chat/completions`, CHAT, headers)
  const classify = (input: string[]) => post(`${server.url}/v1/classifications`, { model: MODEL, input })

  it('the second answer is a hit with the scores of the first, in every dialect', async () => {
    const first = await chat()
    const second = await chat()
    expect([cacheOf(first), cacheOf(second)]).toEqual(['miss', 'hit'])
    expect(field(second, 'classification')).toEqual(field(first, 'classification'))
    expect(field(second, 'usage')).toEqual(field(first, 'usage'))
    const hosted = await post(`${server.url}/models/${MODEL}`, { inputs: 'A cached day.' })
    expect(hosted.headers.get('x-compute-type')).toBe('cache')
    expect((hosted.body as unknown[][])[0]).toEqual(field(first, 'classification'))
    const cloudflare = await post(`${server.url}/client/v4/accounts/a/ai/run/${MODEL}`, { text: 'A cached day.' })
    expect(cacheOf(cloudflare)).toBe('hit')
  })

  it('a list is a hit where all of it is known, and keeps its order where some is not', async () => {
    const [good, bad] = ['Wonderful.', 'Terrible.']
    const mixed = async () => field(await classify([bad, good]), 'data') as { label: string }[]
    expect(cacheOf(await classify([good]))).toBe('miss')
    expect(cacheOf(await classify([bad, good]))).toBe('miss')
    expect(cacheOf(await classify([good, bad]))).toBe('hit')
    expect((await mixed()).map(({ label }) => label)).toEqual(['NEGATIVE', 'POSITIVE'])
  })

  it('skip neither reads nor keeps, and no other mode is taken', async () => {
    const text = { inputs: 'Skipped.' }
    const skipped = [{ 'x-cache': 'skip' }, { 'x-use-cache': 'false' }, { 'X-Use-Cache': '0' }]
    for (const headers of skipped)
      expect((await post(`${server.url}/models/${MODEL}`, text, headers)).headers.get('x-compute-type')).toBe('cpu')
    const byOption = await post(`${server.url}/models/${MODEL}`, { ...text, options: { use_cache: false } })
    expect(cacheOf(byOption)).toBe('miss')
    expect(cacheOf(await post(`${server.url}/models/${MODEL}`, text))).toBe('miss')
    expect(cacheOf(await post(`${server.url}/models/${MODEL}`, text, { 'x-cache': 'force' }))).toBe('hit')
    expect(await chat({ 'x-cache': 'never' })).toMatchObject({ status: 400, body: { error: { param: 'x-cache' } } })
  })

  it('an activation has its own results', async () => {
    const ask = (apply: string) =>
      post(`${server.url}/models/${MODEL}`, { inputs: 'Activated.', parameters: { function_to_apply: apply } })
    expect([cacheOf(await ask('softmax')), cacheOf(await ask('none')), cacheOf(await ask('none'))]).toEqual([
      'miss',
      'miss',
      'hit',
    ])
  })

  it('DELETE /v1/cache forgets', async () => {
    await chat()
    expect(cacheOf(await chat())).toBe('hit')
    const cleared = await fetch(`${server.url}/v1/cache`, { method: 'DELETE' })
    expect(await cleared.json()).toEqual({ object: 'cache', status: 'ok', deleted: true })
    expect(cacheOf(await chat())).toBe('miss')
  })
})

it('--cache-bytes 0 keeps nothing', async () => {
  const server = await startTestServer(['--cache-bytes', '0'])
  const ask = () => post(`${server.url}/v1/chat/completions`, CHAT)
  expect([cacheOf(await ask()), cacheOf(await ask())]).toEqual(['miss', 'miss'])
  await server.stop()
})

const RESULT = {
  scores: [{ label: 'A', score: 1 }],
  tokens: 3,
  truncated: false,
  timings: { tokenizeMs: 1, queueMs: 1, inferenceMs: 1 },
}
const scopeOf = (accountId: string) => ({ accountId, weights: `${MODEL}@1`, activation: undefined })
const text = { text: 'whose?' }

it('an account finds only its own, and clears only its own', () => {
  const cache = createResultCache({ maxBytes: 1e6, shared: false })
  cache.keep(scopeOf('one'), text, RESULT)
  expect(cache.find(scopeOf('two'), [text])).toEqual([undefined])
  cache.keep(scopeOf('two'), text, RESULT)
  cache.clear('one')
  expect(cache.find(scopeOf('one'), [text])).toEqual([undefined])
  expect(cache.find(scopeOf('two'), [text])[0]).toMatchObject({ tokens: 3 })
})

it('other weights under the same name have results of their own', () => {
  const cache = createResultCache({ maxBytes: 1e6, shared: false })
  cache.keep(scopeOf('one'), text, RESULT)
  expect(cache.find({ ...scopeOf('one'), weights: `${MODEL}@2` }, [text])).toEqual([undefined])
})

it('accounts share where the operator says so', () => {
  const cache = createResultCache({ maxBytes: 1e6, shared: true })
  cache.keep(scopeOf('one'), text, RESULT)
  expect(cache.find(scopeOf('two'), [text])[0]).toMatchObject({ scores: RESULT.scores })
})

it('texts of half surrogates are different texts, and a pair is no longer text', () => {
  const cache = createResultCache({ maxBytes: 1e6, shared: false })
  cache.keep(scopeOf('one'), { text: '\ud800' }, RESULT)
  cache.keep(scopeOf('one'), { text: 'a', pair: 'b' }, RESULT)
  expect(cache.find(scopeOf('one'), [{ text: '\ud801' }, { text: 'ab' }, { text: 'a,b' }])).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})

it('what clearing forgot stays forgotten, however many accounts clear', () => {
  const cache = createResultCache({ maxBytes: 1e7, shared: false })
  cache.keep(scopeOf('first'), text, RESULT)
  cache.clear('first')
  for (let account = 0; account < 10_001; account++) cache.clear(`account ${account}`)
  expect(cache.find(scopeOf('first'), [text])).toEqual([undefined])
})

it('the bytes are bounded', () => {
  const cache = createResultCache({ maxBytes: 38_000, shared: false })
  const texts = Array.from({ length: 1000 }, (_, index) => ({ text: `text ${index}` }))
  for (const each of texts) cache.keep(scopeOf('one'), each, RESULT)
  expect(cache.find(scopeOf('one'), texts).filter((result) => result !== undefined)).toHaveLength(100)
})

it('identical texts under way share a computation within an account only', async () => {
  const engine = await embeddedEngine({ workers: 1 })
  const one = { signal: never(), sharedAmong: 'one' }
  const two = { signal: never(), sharedAmong: 'two' }
  const all = [one, one, two].map((options) => engine.classify(MODEL, [{ text: 'The same text.' }], options))
  await Promise.resolve()
  const { waiting, running } = engine.depth()
  expect(waiting + running).toBe(2)
  await Promise.all(all)
  await engine.close()
})

function cacheOf({ headers }: Reply): string | null {
  return headers.get('x-cache')
}

function field({ body }: Reply, name: string): unknown {
  return (body as Record<string, unknown>)[name]
}
