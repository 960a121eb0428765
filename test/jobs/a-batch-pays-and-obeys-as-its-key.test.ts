import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  addAccount,
  type KeyedServer,
  priced,
  clientOf as requestsWith,
  startKeyedServer,
} from '../support/accounts.ts'
import { STORE_KINDS, type StorePlace, storePlace } from '../support/stores.ts'
import { chatLines, clientOf, endOf, resultsIn, startBatch } from './support.ts'

const PRICE_MICROS = 10_000
const LINES = 25

describe.each(STORE_KINDS)('on the %s store', { timeout: 120_000 }, (kind) => {
  let place: StorePlace
  let server: KeyedServer

  beforeAll(async () => {
    place = await storePlace(kind)
    server = await startKeyedServer(place, ['--workers', '1', ...priced(place, PRICE_MICROS)])
  }, 120_000)

  afterAll(async () => {
    await server?.stop()
    await place?.[Symbol.asyncDispose]()
  })

  const run = async (key: string) => {
    const client = clientOf(server, key)
    const batch = await endOf(client, (await startBatch(client, chatLines(LINES))).id)
    return { batch, failures: await resultsIn(client, batch.error_file_id) }
  }
  const typesOf = (failures: Awaited<ReturnType<typeof resultsIn>>) =>
    new Set(failures.map(({ response }) => (response!.body.error as { type: string }).type))

  it('pays for as many lines as the wallet holds, to the micro-dollar, and says of the others that it is empty', async () => {
    const { id, key } = await addAccount(server, { creditMicros: 10 * PRICE_MICROS })
    const { batch, failures } = await run(key)
    expect(batch.request_counts).toEqual({ total: LINES, completed: 10, failed: 15 })
    expect(typesOf(failures)).toEqual(new Set(['insufficient_credits']))
    expect(failures.every(({ response }) => response?.status_code === 402)).toBe(true)
    const operator = requestsWith(server, server.adminKey)
    expect((await operator.get(`/v1/accounts/${id}`)).status).toBe(200)
    const usage = await requestsWith(server, key).get('/v1/usage/recent?limit=100')
    const calls = (usage.body as { data: { status: string | number; cost_cents: number }[] }).data
    expect(calls.reduce((sum, { cost_cents: cents }) => sum + cents, 0)).toBeCloseTo((10 * PRICE_MICROS) / 10_000)
  })

  it('is bound by no limit of requests per minute', async () => {
    const { key } = await addAccount(server, { creditMicros: 100 * PRICE_MICROS })
    const made = await requestsWith(server, key).post('/v1/keys', { name: 'slow', rate_limit_rpm: 1 })
    const { batch } = await run((made.body as { key: string }).key)
    expect(batch.request_counts).toEqual({ total: LINES, completed: LINES, failed: 0 })
  })

  it('uses no model that its key may not use', async () => {
    const { key } = await addAccount(server, { creditMicros: 100 * PRICE_MICROS })
    const made = await requestsWith(server, key).post('/v1/keys', { name: 'other', allowed_models: ['valence/*'] })
    const { batch, failures } = await run((made.body as { key: string }).key)
    expect(batch.request_counts).toEqual({ total: LINES, completed: 0, failed: LINES })
    expect(typesOf(failures)).toEqual(new Set(['scope_exceeded']))
  })
})
