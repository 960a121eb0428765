import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addAccount, clientOf, type KeyedServer, priced, startKeyedServer } from '../support/accounts.ts'
import { PYTHON, runToEnd } from '../support/python.ts'
import { type StorePlace, storePlace } from '../support/stores.ts'

let place: StorePlace
let server: KeyedServer
let keys: Record<'rich' | 'poor' | 'limited' | 'limitedToo' | 'scoped', string>

beforeAll(async () => {
  place = await storePlace('embedded')
  server = await startKeyedServer(place, priced(place, 100))
  const { key: rich } = await addAccount(server, { creditMicros: 1_000_000 })
  const owner = clientOf(server, rich)
  const made = async (body: object) => ((await owner.post('/v1/keys', body)).body as { key: string }).key
  keys = {
    rich,
    poor: (await addAccount(server)).key,
    limited: await made({ rate_limit_rpm: 1 }),
    limitedToo: await made({ rate_limit_rpm: 1 }),
    scoped: await made({ allowed_models: ['valence/*'] }),
  }
})
afterAll(async () => {
  await server.stop()
  await place[Symbol.asyncDispose]()
})

describe('the openai client from npm', () => {
  const ask = (apiKey: string) =>
    new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0 }).chat.completions.create({
      model: 'huggingface/distilbert-sst-2-int8',
      messages: [{ role: 'user', content: 'Good.' }],
    })
  const failure = (apiKey: string) => ask(apiKey).then(null, (thrown: unknown) => thrown)

  it('reads what a call cost', async () => {
    expect((await ask(keys.rich)).usage).toMatchObject({ cost: 0.0001 })
  })

  it('throws a 402 for an empty wallet, and tries it once', async () => {
    const retrying = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: keys.poor, maxRetries: 2 })
    const started = performance.now()
    const error = await retrying.models
      .list()
      .then(() => retrying.chat.completions.create({ model: 'auto', messages: [{ role: 'user', content: 'Good.' }] }))
      .then(null, (thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(OpenAI.APIError)
    expect(error).toMatchObject({ status: 402, type: 'insufficient_credits', code: 402 })
    expect(performance.now() - started).toBeLessThan(10_000)
  })

  it('throws its RateLimitError over the limit, and its PermissionDeniedError beyond the scope', async () => {
    await ask(keys.limited)
    await ask(keys.limited)
    const error = await failure(keys.limited)
    expect(error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(Number((error as InstanceType<typeof OpenAI.RateLimitError>).headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await failure(keys.scoped)).toBeInstanceOf(OpenAI.PermissionDeniedError)
  })
})

it.skipIf(PYTHON === undefined)('the openai client from Python raises its own errors', async () => {
  const { code, stderr } = await runToEnd(PYTHON!, ['-B', 'test/clients/python/openai_limits_client.py', '-v'], {
    VALENCE_URL: server.url,
    VALENCE_RICH_KEY: keys.rich,
    VALENCE_POOR_KEY: keys.poor,
    VALENCE_LIMITED_KEY: keys.limitedToo,
    VALENCE_SCOPED_KEY: keys.scoped,
  })
  expect(code, stderr).toBe(0)
})
