import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { get, post } from '../support/http.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'

const MODEL = 'huggingface/distilbert-sst-2-int8'

let server: RunningServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.stop())

it('models are found by modality and provider', async () => {
  const idsOf = async (query: string) =>
    ((await get(`${server.url}/v1/models${query}`)).body as { data: { id: string }[] }).data.map(({ id }) => id)
  expect(await idsOf('?modality=text&provider=huggingface')).toEqual([MODEL])
  expect(await idsOf('?provider=valence')).toEqual(['valence/minilm-sst-2-int8'])
  expect(await idsOf('?modality=image')).toEqual([])
  expect(await idsOf('?provider=nobody')).toEqual([])
})

it.each([MODEL, encodeURIComponent(MODEL), '@cf/huggingface/distilbert-sst-2-int8', 'minilm-sst-2-int8'])(
  '%s says how it is called, and what it says works',
  async (name) => {
    const { body } = await get(`${server.url}/v1/models/${name}`)
    const alone = await get(`${server.url}/v1/models/${name}/schema`)
    const { schema } = body as { schema: { endpoint: string; request: object } }
    expect(alone.body).toMatchObject({ object: 'model.schema', schema })
    const reply = await post(`${server.url}${schema.endpoint}`, schema.request)
    expect(reply).toMatchObject({ status: 200, body: { object: 'chat.completion' } })
  },
)

it('a model says what it costs and how much of a text it reads', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'valence-prices-'))
  const prices = join(folder, 'prices.json')
  writeFileSync(prices, JSON.stringify({ [MODEL]: { per_request_usd: 0.0001, per_million_tokens_usd: 0.026 } }))
  const dear = await startTestServer(['--prices', prices])
  const pricingOf = async (url: string) => (await get(`${url}/v1/models/${MODEL}`)).body
  expect(await pricingOf(dear.url)).toMatchObject({
    context_window: 512,
    pricing: { currency: 'usd', per_request: 0.0001, per_million_tokens: 0.026 },
  })
  expect(await pricingOf(server.url)).toMatchObject({ pricing: { per_request: 0, per_million_tokens: 0 } })
  await dear.stop()
  rmSync(folder, { recursive: true })
})

it('a model that is not there is a 404, with and without /schema', async () => {
  for (const path of ['/v1/models/no/such', '/v1/models/no/such/schema', '/v1/models/none/schema'])
    expect(await get(`${server.url}${path}`)).toMatchObject({
      status: 404,
      body: { error: { type: 'model_not_found' } },
    })
})

it('every capability of a model is in the vocabulary, at an address that answers', async () => {
  const vocabulary = (await get(`${server.url}/v1/capabilities`)).body as { data: { id: string; endpoint: string }[] }
  const model = (await get(`${server.url}/v1/models/${MODEL}`)).body as { capabilities: string[] }
  const ids = vocabulary.data.map(({ id }) => id)
  for (const capability of model.capabilities) expect(ids).toContain(capability)
  for (const { endpoint } of vocabulary.data) expect((await post(server.url + endpoint, {})).status).toBe(400)
})

it('the provider of the weights here is healthy, and how long a text takes once it is known', async () => {
  await post(`${server.url}/v1/classifications`, { input: 'Hello.' })
  const { body } = await get(`${server.url}/v1/health/providers`)
  expect(body).toMatchObject({ object: 'list', data: [{ id: 'local', status: 'healthy', circuit: 'closed' }] })
  expect((body as { data: { latency_ms: number }[] }).data[0]!.latency_ms).toBeGreaterThan(0)
})

it('sentiment does not pass for moderation', async () => {
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'any', maxRetries: 0 })
  const whichever = client.moderations.create({ input: 'You are awful.' })
  await expect(whichever).rejects.toMatchObject({ status: 404, type: 'model_not_found', param: 'model' })
  const named = client.moderations.create({ model: MODEL, input: 'You are awful.' })
  await expect(named).rejects.toMatchObject({ status: 400, type: 'invalid_request_error', param: 'model' })
  await expect(named).rejects.toThrow(/labels are NEGATIVE, POSITIVE/)
})

it('what is no text classification is refused in the shape of the API', async () => {
  for (const path of [
    'embeddings',
    'translations',
    'images/generations',
    'audio/speech',
    'rerank',
    'ocr',
    'detections',
  ])
    expect(await post(`${server.url}/v1/${path}`, { input: 'x' })).toMatchObject({
      status: 404,
      body: { error: { type: 'not_found', code: 404 } },
    })
})
