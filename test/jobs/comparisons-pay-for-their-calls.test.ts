import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addAccount, clientOf, type KeyedServer, priced, startKeyedServer } from '../support/accounts.ts'
import { STORE_KINDS, type StorePlace, storePlace } from '../support/stores.ts'

const PRICE_MICROS = 10_000
const MODEL = 'huggingface/distilbert-sst-2-int8'
const DATASET = ['Good.', 'Bad.', 'Fine.'].map((input) => ({ input }))

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  let place: StorePlace
  let server: KeyedServer
  beforeAll(async () => {
    place = await storePlace(kind)
    server = await startKeyedServer(place, priced(place, PRICE_MICROS))
  })
  afterAll(async () => {
    await server?.stop()
    await place?.[Symbol.asyncDispose]()
  })

  const accountWith = async (calls: number) => {
    const { key } = await addAccount(server, { creditMicros: calls * PRICE_MICROS })
    const client = clientOf(server, key)
    return {
      ...client,
      cents: async () => ((await client.get('/v1/balance')).body as { balance_cents: number }).balance_cents,
    }
  }

  it('an answer from the cache is free, and of a list only what is computed is charged', async () => {
    const client = await accountWith(10)
    const ask = async (...input: string[]) => {
      const { headers } = await client.post('/v1/classifications', { model: MODEL, input })
      return [headers.get('x-cache'), headers.get('x-cost-cents')]
    }
    expect(await ask('A text.')).toEqual(['miss', '1'])
    expect(await ask('A text.')).toEqual(['hit', '0'])
    expect((await ask('A text.', 'Another.'))[0]).toBe('miss')
    expect(await ask('Another.', 'A text.')).toEqual(['hit', '0'])
    expect(await client.cents()).toBe(8)
  })

  it('an eval is charged for every call, and says what each candidate has cost', async () => {
    const client = await accountWith(10)
    const { body } = await client.post('/v1/evals', {
      candidate_models: [MODEL, 'valence/minilm-sst-2-int8'],
      dataset: DATASET,
      metric: 'cost',
    })
    expect(body).toMatchObject({
      status: 'completed',
      winner_model: 'valence/minilm-sst-2-int8',
      summary: { models: [{ cost_cents: 3 }, { cost_cents: 0 }] },
    })
    expect(await client.cents()).toBe(7)
  })

  it('an eval that its account cannot pay for ends, says why, and has overshot nothing', async () => {
    const client = await accountWith(2)
    const { status, body } = await client.post('/v1/evals', { candidate_models: [MODEL], dataset: DATASET })
    expect(status).toBe(201)
    expect(body).toMatchObject({ status: 'failed', winner_model: null, error: expect.stringMatching(/credit|wallet/i) })
    // What was under way when one was refused is given up, and so is free.
    expect(await client.cents()).toBeGreaterThanOrEqual(0)
  })

  it('a replay is charged what the target costs, and shows both', async () => {
    const client = await accountWith(10)
    const headers = { 'x-request-id': 'paid', 'x-aig-store': 'true' }
    await client.post('/v1/classifications', { model: MODEL, input: 'Good.' }, headers)
    const { body } = await client.post('/v1/replays', { source_request_id: 'paid', target_model: MODEL })
    expect(body).toMatchObject({
      cost_source_cents: 1,
      source_cost_cents: 1,
      cost_target_cents: 1,
      target_cost_cents: 1,
    })
    expect(await client.cents()).toBe(8)
  })
})
