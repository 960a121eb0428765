import { describe, expect, it } from 'vitest'
import { addAccount, clientOf, startKeyedServer } from '../support/accounts.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'

const MODEL = 'huggingface/distilbert-sst-2-int8'
const CHAT = { model: MODEL, messages: [{ role: 'user', content: 'Good.' }] }

/** Every route that classifies, with what it is sent. */
const ROUTES: Record<string, object> = {
  '/v1/chat/completions': CHAT,
  '/v1/classifications': { model: MODEL, input: ['Good.', 'Bad.'] },
  [`/client/v4/accounts/a/ai/run/@cf/${MODEL}`]: { text: 'Good.' },
  [`/client/v4/accounts/a/ai/run/${encodeURIComponent(`@cf/${MODEL}`)}`]: { text: 'Good.' },
  [`/models/${MODEL}`]: { inputs: 'Good.' },
  [`/hf-inference/models/${MODEL}`]: { inputs: ['Good.', 'Bad.'] },
  [`/pipeline/text-classification/${MODEL}`]: { inputs: 'Good.' },
  '/run?version=3': { inputs: { text: 'Good.' }, options: {} },
  '/mcp': { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'classify', arguments: { input: 'Good.' } } },
}

type Row = Record<string, unknown>

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it('by every route of every dialect, streamed or not, kept in the cache or not', async () => {
    await using place = await storePlace(kind)
    const server = await startKeyedServer(place)
    const { id: accountId, key } = await addAccount(server)
    const owner = clientOf(server, key)
    let sent = 0
    for (const [path, body] of Object.entries(ROUTES)) {
      for (let repeat = 0; repeat < 2; repeat++) {
        // Clients may send the same id as often as they like.
        const reply = await owner.post(path, body, {
          'x-request-id': 'the-same',
          'x-aig-tag': 'all',
          'cf-consn-model-id': `@cf/${MODEL}`,
          accept: 'application/json, text/event-stream',
          'content-type': 'application/json',
        })
        expect(reply.headers.get('x-request-id')).toBe('the-same')
        expect(reply.status, path).toBe(200)
        sent++
      }
    }
    expect(
      (await owner.post('/v1/chat/completions', { ...CHAT, stream: true }, { 'x-aig-tag': 'stream' })).status,
    ).toBe(200)
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
      tag: 'stream',
      created_at: expect.any(Number),
    })
    expect(new Set(recent.data.map(({ id }) => id)).size).toBe(sent + 1)
    expect((await owner.get('/v1/usage/recent?limit=3')).body).toMatchObject({ data: recent.data.slice(0, 3) })

    const month = new Date().toISOString().slice(0, 7)
    expect((await owner.get(`/v1/usage/by-tag?month=${month}`)).body).toMatchObject({
      data: [
        { label: 'all', tag: 'all', requests: sent, cost_cents: 0 },
        { label: 'stream', tag: 'stream', requests: 1, cost_cents: 0 },
      ],
    })
    expect((await owner.get('/v1/usage/by-tag?month=2020-01')).body).toMatchObject({ data: [] })
    expect((await owner.get('/v1/usage/by-tag?month=2020-13')).status).toBe(400)
    expect((await owner.get('/v1/usage/by-model')).body).toMatchObject({ data: [{ model: MODEL, requests: sent + 1 }] })
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
