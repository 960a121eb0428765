import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { get, post, type Reply } from '../support/http.ts'
import type { RunningServer } from '../support/server.ts'
import { STORE_KINDS, type StorePlace, storePlace } from '../support/stores.ts'
import { startWithUpstreams } from '../support/upstreams.ts'

const ADMIN = 'the-key-of-the-operator'
const HERE = 'valence/minilm-sst-2-int8'
/** The same weights, with the labels the wrong way round. */
const CONTRARY = 'test/contrary'

const NOWHERE = { protocol: 'huggingface', url: 'http://127.0.0.1:9' }

const DATASET = [
  { input: 'What a wonderful film.', expected: 'positive' },
  { input: 'Boring and far too long.', expected: 'NEGATIVE' },
  { input: [{ role: 'user', content: 'I loved it.' }], expected: { label: 'POSITIVE' } },
]

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  let place: StorePlace
  let server: RunningServer
  let one: string
  let two: string

  const start = () =>
    startWithUpstreams(
      {
        upstreams: { nowhere: NOWHERE, 'nowhere-else': NOWHERE },
        models: [
          { id: CONTRARY, labels: ['POSITIVE', 'NEGATIVE'], candidates: [{ local: HERE }] },
          {
            id: 'test/broken-too',
            labels: ['POSITIVE', 'NEGATIVE'],
            candidates: [{ upstream: 'nowhere-else', model: 'x' }],
          },
          { id: 'test/broken', labels: ['POSITIVE', 'NEGATIVE'], candidates: [{ upstream: 'nowhere', model: 'x' }] },
        ],
      },
      [],
      { ...place.env, VALENCE_API_KEYS: ADMIN },
    )

  beforeAll(async () => {
    place = await storePlace(kind)
    server = await start()
    one = await newKey('one')
    two = await newKey('two')
  })
  afterAll(async () => {
    await server?.stop()
    await place?.[Symbol.asyncDispose]()
  })

  const newKey = async (name: string) => {
    const { status, body } = await post(`${server.url}/v1/sub-accounts`, { name }, bearer(ADMIN))
    expect(status).toBe(201)
    return (body as { key: string }).key
  }
  const evaluate = (key: string, body: object) =>
    post(`${server.url}/v1/evals`, { name: 'a comparison', dataset: DATASET, metric: 'quality', ...body }, bearer(key))
  const replay = (key: string, body: object) => post(`${server.url}/v1/replays`, body, bearer(key))
  const chat = (key: string, model: string, more: object = {}, headers: object = {}) =>
    post(
      `${server.url}/v1/chat/completions`,
      { model, messages: [{ role: 'user', content: 'What a wonderful film.' }], ...more },
      { ...bearer(key), ...headers },
    )

  describe('evals', () => {
    it('find the winner, and answer for it in every API', async () => {
      const { status, body } = await evaluate(one, { candidate_models: ['test/broken', HERE] })
      expect(status).toBe(201)
      expect(body).toMatchObject({
        name: 'a comparison',
        candidate_models: ['test/broken', HERE],
        dataset_size: 3,
        metric: 'quality',
        status: 'completed',
        winner_model: HERE,
        winning_model: HERE,
        summary: {
          basis: 'expected',
          models: [
            { answered: 0, failed: 3 },
            { answered: 3, accuracy: 1, macro_f1: 1 },
          ],
        },
      })
      const { id, alias } = body as { id: string; alias: string }
      expect(alias).toBe(`eval:${id}`)
      const replies = [
        await chat(one, alias),
        await post(`${server.url}/v1/classifications`, { model: alias, input: 'Good.' }, bearer(one)),
        await post(`${server.url}/models/${alias}`, { inputs: 'Good.' }, bearer(one)),
        await post(`${server.url}/client/v4/accounts/a/ai/run/${alias}`, { text: 'Good.' }, bearer(one)),
      ]
      expect(replies.map((reply) => reply.status)).toEqual([200, 200, 200, 200])
      expect(replies[0]!.body).toMatchObject({ model: HERE })
    })

    it('are listed, and found again', async () => {
      const { body } = await evaluate(one, { candidate_models: [HERE], metric: 'speed' })
      const { id } = body as { id: string }
      expect((await get(`${server.url}/v1/evals/${id}`, bearer(one))).body).toEqual(body)
      const { data } = (await get(`${server.url}/v1/evals?limit=1`, bearer(one))).body as { data: unknown[] }
      expect(data).toEqual([body])
    })

    it('without expected labels measure agreement, and say so', async () => {
      const dataset = DATASET.map(({ input }) => ({ input }))
      expect((await evaluate(one, { candidate_models: [HERE], dataset })).body).toMatchObject({
        summary: { basis: 'majority' },
      })
    })

    it('refuse what cannot be compared, and say what', async () => {
      expect(await evaluate(one, { candidate_models: ['no/such'] })).toMatchObject({
        status: 404,
        body: { error: { type: 'model_not_found' } },
      })
      for (const wrong of [
        { candidate_models: [] },
        { candidate_models: [HERE, 'minilm-sst-2-int8'] },
        { candidate_models: [HERE], dataset: [] },
        { candidate_models: [HERE], dataset: Array.from({ length: 1001 }, () => ({ input: 'x' })) },
        { candidate_models: [HERE], metric: 'beauty' },
      ])
        expect((await evaluate(one, wrong)).status).toBe(400)
    })

    it('whose candidates all fail are failed, and have no winner to route to', async () => {
      const { body } = await evaluate(one, { candidate_models: ['test/broken'] })
      expect(body).toMatchObject({
        status: 'failed',
        winner_model: null,
        error: expect.stringContaining('No candidate'),
      })
      expect((await chat(one, (body as { alias: string }).alias)).status).toBe(404)
    })
  })

  describe('replays', () => {
    const storedCall = async (key: string, requestId: string) => {
      const reply = await chat(key, HERE, {}, { 'x-request-id': requestId, 'x-aig-store': 'true' })
      expect([reply.status, reply.headers.get('x-aig-stored')]).toEqual([200, 'true'])
    }

    it('ask another model the same, and compare', async () => {
      await storedCall(one, 'replay-me')
      const same = await replay(one, { source_request_id: 'replay-me', target_model: HERE })
      expect(same).toMatchObject({
        status: 201,
        body: {
          source_model: HERE,
          score_delta: 1,
          source_output: 'POSITIVE',
          target_output: 'POSITIVE',
          status: 'completed',
        },
      })
      const other = await replay(one, { source_request_id: 'replay-me', target_model: CONTRARY })
      expect(other.body).toMatchObject({ target_model: CONTRARY, shadow: false })
      const { cost_source_cents, source_cost_cents, latency_target_ms, target_latency_ms } = other.body as Costs
      expect([cost_source_cents, latency_target_ms]).toEqual([source_cost_cents, target_latency_ms])
      const { id } = other.body as { id: string }
      expect((await get(`${server.url}/v1/replays/${id}`, bearer(one))).body).toEqual(other.body)
      const { data } = (await get(`${server.url}/v1/replays?limit=1`, bearer(one))).body as { data: unknown[] }
      expect(data).toEqual([other.body])
    })

    it('in the shadow answer at once, and hold the comparison later', async () => {
      await storedCall(one, 'shadow-me')
      const { body } = await replay(one, { source_request_id: 'shadow-me', target_model: HERE, shadow: true })
      const { id } = body as { id: string }
      await expect
        .poll(async () => (await get(`${server.url}/v1/replays/${id}`, bearer(one))).body, { timeout: 20_000 })
        .toMatchObject({ shadow: true, status: 'completed', score_delta: 1 })
    })

    it('need the sender’s consent: what was not to be kept is not there', async () => {
      await chat(one, HERE, {}, { 'x-request-id': 'not-kept' })
      const refused = await replay(one, { source_request_id: 'not-kept', target_model: HERE })
      expect(refused).toMatchObject({ status: 404, body: { error: { type: 'not_found' } } })
      await chat(one, HERE, { store: true }, { 'x-request-id': 'kept-by-body' })
      expect((await replay(one, { source_request_id: 'kept-by-body', target_model: HERE })).status).toBe(201)
    })

    it('keep whatever a text may hold', async () => {
      const headers = { ...bearer(one), 'x-request-id': 'odd', 'x-aig-store': 'true' }
      const inputs = ['\u0000', '\ud800 half', { text: 'a', text_pair: 'b' }]
      expect((await post(`${server.url}/models/${HERE}`, { inputs }, headers)).headers.get('x-aig-stored')).toBe('true')
      const { status, body } = await replay(one, { source_request_id: 'odd', target_model: HERE })
      expect(status).toBe(201)
      expect(JSON.parse((body as { source_output: string }).source_output)).toHaveLength(3)
    })

    it('are not to be had of what is too long to be kept, which is answered all the same', async () => {
      const headers = { ...bearer(one), 'x-request-id': 'long', 'x-aig-store': 'true' }
      const reply = await post(`${server.url}/v1/classifications`, { model: HERE, input: 'x '.repeat(20_000) }, headers)
      expect([reply.status, reply.headers.get('x-aig-stored')]).toEqual([200, null])
    })

    it('that fail are an error, and written down as one', async () => {
      await storedCall(one, 'break-me')
      const { status } = await replay(one, { source_request_id: 'break-me', target_model: 'test/broken-too' })
      expect(status).toBe(500)
      const { data } = (await get(`${server.url}/v1/replays?limit=1`, bearer(one))).body as { data: object[] }
      expect(data[0]).toMatchObject({ status: 'failed', score_delta: null, error: expect.stringContaining('failed') })
    })
  })

  it('one tenant can read, route to, replay or find in the cache nothing of another’s', async () => {
    const { id, alias } = (await evaluate(one, { candidate_models: [HERE] })).body as { id: string; alias: string }
    await chat(one, HERE, {}, { 'x-request-id': 'mine', 'x-aig-store': 'true' })
    const made = (await replay(one, { source_request_id: 'mine', target_model: HERE })).body as { id: string }
    const refusals: Reply[] = [
      await get(`${server.url}/v1/evals/${id}`, bearer(two)),
      await chat(two, alias),
      await replay(two, { source_request_id: 'mine', target_model: HERE }),
      await get(`${server.url}/v1/replays/${made.id}`, bearer(two)),
      await get(`${server.url}/v1/evals/${id}`, bearer(ADMIN)),
    ]
    expect(refusals.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404])
    for (const path of ['evals', 'replays'])
      expect((await get(`${server.url}/v1/${path}`, bearer(two))).body).toMatchObject({ data: [] })
    expect((await chat(one, HERE)).headers.get('x-cache')).toBe('hit')
    expect((await chat(two, HERE)).headers.get('x-cache')).toBe('miss')
    await fetch(`${server.url}/v1/cache`, { method: 'DELETE', headers: bearer(two) })
    expect((await chat(one, HERE)).headers.get('x-cache')).toBe('hit')
  })

  it('every call of an eval is metered', async () => {
    const { id } = (await evaluate(one, { candidate_models: [HERE] })).body as { id: string }
    await server.stop()
    const store = await place.open()
    const { rows } = await store.executeSql(`select 1 from usage_calls where request_id like '${id}.%'`)
    expect(rows).toHaveLength(DATASET.length)
    await store.close()
    server = await start()
  })

  it('what has expired is deleted, and a server that keeps nothing says so', async () => {
    await chat(one, HERE, {}, { 'x-request-id': 'old', 'x-aig-store': 'true' })
    await server.stop()
    const store = await place.open()
    await store.executeSql(`update stored_calls set expires_at = now() - interval '1 second' where request_id = 'old'`)
    await store.executeSql(`insert into stored_calls (account_id, request_id, model, inputs, results, cost_micros, latency_ms, expires_at)
      select 'acct_crowded', 'request ' || n, 'm', '[]', '[]', 0, 0, now() + interval '1 day' from generate_series(1, 10002) n`)
    await store.close()
    server = await start()
    expect((await replay(one, { source_request_id: 'old', target_model: HERE })).status).toBe(404)
    await server.stop()
    await setTimeout(0)
    const again = await place.open()
    const { rows } = await again.executeSql(`select 1 from stored_calls where request_id = 'old'`)
    expect(rows).toEqual([])
    const kept = await again.executeSql(`select min(request_id) as first, count(*)::int as count from stored_calls
      where account_id = 'acct_crowded' and request_id in ('request 1', 'request 2', 'request 3')`)
    expect(kept.rows).toEqual([{ first: 'request 3', count: 1 }])
    await again.close()
    server = await start()
  })
})

type Costs = Record<'cost_source_cents' | 'source_cost_cents' | 'latency_target_ms' | 'target_latency_ms', number>

function bearer(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` }
}
