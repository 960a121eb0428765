import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { addAccount, clientOf, startKeyedServer } from '../support/accounts.ts'
import { get } from '../support/http.ts'
import { nameLabels, putModel } from '../support/hub-models.ts'
import { serverRoutes } from '../support/routes.ts'
import { startTestServer } from '../support/server.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'

const MODEL = 'huggingface/distilbert-sst-2-int8'
const CHAT = { model: MODEL, messages: [{ role: 'user', content: 'Good.' }] }

type Sent = { path?: string; body: object; headers?: Record<string, string> }

const RUN_BY_BINDING: Sent = { body: { inputs: { text: 'Good.' }, options: {} } }
const MODERATOR = 'lab/toxicity'

/** What is sent to each route that asks a model; what is not here asks none. */
const CALLS: Record<string, Sent[]> = {
  '/v1/chat/completions': [{ body: CHAT }, { body: { ...CHAT, stream: true } }],
  '/v1/classifications': [{ body: { model: MODEL, input: ['Good.', 'Bad.'] } }],
  '/classify': [{ body: { model: MODEL, input: 'Good.' } }],
  '/v1/messages': [{ body: { ...CHAT, max_tokens: 9 } }, { body: { ...CHAT, max_tokens: 9, stream: true } }],
  '/v1/moderations': [{ body: { model: MODERATOR, input: ['w1 w2', 'w3'] } }],
  '/client/v4/accounts/:account/ai/run/*': [
    { path: `/client/v4/accounts/a/ai/run/@cf/${MODEL}`, body: { text: 'Good.' } },
    { path: `/client/v4/accounts/a/ai/run/${encodeURIComponent(`@cf/${MODEL}`)}`, body: { text: 'Good.' } },
  ],
  '/run': [{ ...RUN_BY_BINDING, path: '/run?version=3' }],
  '/ai-gateway/run': [{ ...RUN_BY_BINDING, path: '/ai-gateway/run?version=3' }],
  '/client/v4/accounts/:account/ai/run/proxy': [
    { ...RUN_BY_BINDING, headers: { 'x-forwarded': 'https://workers-binding.ai/run?version=3' } },
  ],
  '/models/*': [{ path: `/models/${MODEL}`, body: { inputs: 'Good.' } }],
  '/hf-inference/models/*': [{ path: `/hf-inference/models/${MODEL}`, body: { inputs: ['Good.', 'Bad.'] } }],
  '/pipeline/text-classification/*': [{ path: `/pipeline/text-classification/${MODEL}`, body: { inputs: 'Good.' } }],
  '/': [{ body: { inputs: 'Good.' } }],
  '/predict': [{ body: { inputs: 'Good.' } }, { body: { inputs: [['Good.'], ['Bad.']] } }],
  '/mcp': [
    {
      body: {
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'classify', arguments: { input: 'Good.' } },
      },
    },
  ],
}

/** Routes whose work is done when they have answered, and is metered then: the tests of jobs and of MCP's streams count it. */
const LATER = ['/v1/batches', '/v1/evals', '/v1/replays', '/mcp/message']

/** Routes that ask no model, by what is posted to them. */
const NO_CALLS =
  /^\/v1\/(messages\/count_tokens|(keys|accounts|sub-accounts|budgets|files|webhooks|webhook-secret)(\/.*)?|(batches|jobs)\/:id\/cancel)$/

type Row = Record<string, unknown>

it('by every route that there is: whatever takes a body is known here', async () => {
  const posts = (await serverRoutes()).filter(({ method }) => method === 'POST').map(({ url }) => url)
  const known = posts.filter((url) => url in CALLS || LATER.includes(url) || NO_CALLS.test(url))
  expect(posts.filter((url) => !known.includes(url))).toEqual([])
  expect(new Set(posts).isSupersetOf(new Set(Object.keys(CALLS)))).toBe(true)
})

it('under tags in any script, which headers carry as UTF-8', async () => {
  const server = await startTestServer()
  const tagged = (tag: string) => tagInBytes(server.url, Buffer.from(tag, 'utf8').toString('latin1'))
  const tags = ['naïve', '感情', '👍 👍', "'; drop table usage_days; --", '%', 'é'.repeat(64)]
  for (const tag of tags) expect(await tagged(tag), tag).toBe(200)
  expect(await tagged('é'.repeat(65))).toBe(400)
  // What is no UTF-8 was meant as it is.
  expect(await tagInBytes(server.url, 'caf\u00e9')).toBe(200)
  const { data } = (await get(`${server.url}/v1/usage/by-tag`)).body as { data: { tag: string }[] }
  expect(data.map(({ tag }) => tag).toSorted()).toEqual([...tags, 'café'].toSorted())
  await server.stop()
})

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it('by every route of every dialect, streamed or not, kept in the cache or not', async () => {
    await using place = await storePlace(kind)
    putModel(place.dataDir, MODERATOR, 'roberta-multi-label')
    nameLabels(place.dataDir, MODERATOR, ['toxic', 'threat', 'hate', 'fine', 'other'])
    const server = await startKeyedServer(place, ['--models-dir', place.dataDir])
    const { id: accountId, key } = await addAccount(server)
    const owner = clientOf(server, key)
    let sent = 0
    for (const [url, calls] of Object.entries(CALLS)) {
      for (const { path = url.replace(':account', 'a'), body, headers } of calls) {
        for (let repeat = 0; repeat < 2; repeat++) {
          // Clients may send the same id as often as they like.
          const reply = await owner.post(path, body, {
            'x-request-id': 'the-same',
            'x-aig-tag': 'all',
            'cf-consn-model-id': `@cf/${MODEL}`,
            accept: 'application/json, text/event-stream',
            'content-type': 'application/json',
            ...headers,
          })
          expect(reply.headers.get('x-request-id')).toBe('the-same')
          expect(reply.status, `${path}: ${JSON.stringify(reply.body)}`).toBe(200)
          sent++
        }
      }
    }
    expect((await owner.post('/v1/chat/completions', CHAT, { 'x-aig-tag': 'last' })).status).toBe(200)
    // What was refused before it ran is nobody's usage.
    expect((await owner.post('/v1/classifications', { input: 'a' }, { 'x-aig-tag': 'x'.repeat(65) })).status).toBe(400)
    expect((await owner.post('/v1/classifications', { model: 'none', input: 'a' })).status).toBe(404)

    const recent = (await owner.get('/v1/usage/recent?limit=1000')).body as { data: Row[] }
    expect(recent.data).toHaveLength(sent + 1)
    expect(recent.data[0]).toMatchObject({
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      account_id: accountId,
      model: MODEL,
      status: 'ok',
      latency_ms: expect.any(Number),
      cost_cents: 0,
      tag: 'last',
      created_at: expect.any(Number),
    })
    expect(new Set(recent.data.map(({ id }) => id)).size).toBe(sent + 1)
    expect((await owner.get('/v1/usage/recent?limit=3')).body).toMatchObject({ data: recent.data.slice(0, 3) })

    const moderations = 2 * CALLS['/v1/moderations']!.length
    const month = new Date().toISOString().slice(0, 7)
    expect((await owner.get(`/v1/usage/by-tag?month=${month}`)).body).toMatchObject({
      data: [
        { label: 'all', tag: 'all', requests: sent, cost_cents: 0 },
        { label: 'last', tag: 'last', requests: 1, cost_cents: 0 },
      ],
    })
    expect((await owner.get('/v1/usage/by-tag?month=2020-01')).body).toMatchObject({ data: [] })
    expect((await owner.get('/v1/usage/by-tag?month=2020-13')).status).toBe(400)
    expect((await owner.get('/v1/usage/by-model')).body).toMatchObject({
      data: [
        { model: MODEL, requests: sent + 1 - moderations },
        { model: MODERATOR, requests: moderations },
      ],
    })
    expect((await owner.get('/v1/usage/by-day')).body).toMatchObject({
      data: [{ date: new Date().toISOString().slice(0, 10), requests: sent + 1 }],
    })
    await server.stop()
  })

  it("counts a sub-account's calls as its own and its parent's, under its tag", async () => {
    await using place = await storePlace(kind)
    const server = await startKeyedServer(place)
    const owner = clientOf(server, (await addAccount(server)).key)
    const fields = { name: 'Acme', external_ref: 'crm-7', default_tag: 'acme' }
    const { id, key } = (await owner.post('/v1/sub-accounts', fields)).body as { id: string; key: string }
    const sub = clientOf(server, key)
    await Promise.all(Array.from({ length: 20 }, (_, index) => sub.classify(`text ${index}`)))
    await sub.classify('text', { 'x-aig-tag': 'of its own' })
    await owner.classify()
    expect((await owner.get('/v1/usage/by-sub-account')).body).toMatchObject({
      data: [{ label: 'Acme', sub_account_id: id, external_ref: 'crm-7', requests: 21, cost_cents: 0 }],
    })
    expect((await sub.get('/v1/usage/by-tag')).body).toMatchObject({
      data: [
        { tag: 'acme', requests: 20 },
        { tag: 'of its own', requests: 1 },
      ],
    })
    const recent = (await owner.get('/v1/usage/recent')).body as { data: Row[] }
    expect(recent.data).toHaveLength(22)
    expect(((await sub.get('/v1/usage/recent')).body as { data: Row[] }).data).toHaveLength(21)
    await server.stop()
  })
})

/** Sends a tag as the bytes that it is; fetch refuses what is beyond Latin-1. */
function tagInBytes(url: string, tag: string): Promise<number> {
  const sending = request(`${url}/v1/classifications`, { method: 'POST', headers: { 'x-aig-tag': tag } })
  // With a text behind them, Node would encode its headers once more.
  sending.end(Buffer.from(JSON.stringify({ input: 'Good.' })))
  return new Promise((resolve, reject) => {
    sending.once('response', (response) => resolve(response.resume().statusCode!)).once('error', reject)
  })
}
