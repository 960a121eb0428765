import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addAccount, clientOf, startKeyedServer } from '../support/accounts.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'

const TEXTS = 900
const WORDS = 100

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it('a client that goes away pays for the texts that had been computed, and for no more', async () => {
    await using place = await storePlace(kind)
    const prices = join(place.dataDir, 'prices.json')
    writeFileSync(prices, JSON.stringify({ 'huggingface/distilbert-sst-2-int8': { per_million_tokens_usd: 10 } }))
    const server = await startKeyedServer(place, ['--prices', prices, '--workers', '1'])
    const { key } = await addAccount(server, { creditMicros: 100_000_000 })
    const owner = clientOf(server, key)

    const controller = new AbortController()
    const call = fetch(`${server.url}/v1/classifications`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'x-request-id': 'given-up' },
      body: JSON.stringify({ input: Array.from({ length: TEXTS }, (_, index) => `${index} good `.repeat(WORDS)) }),
      signal: controller.signal,
    })
    const waiting = async () => Number(/state="waiting"\} (\d+)/.exec(String((await owner.get('/metrics')).body))?.[1])
    await expect.poll(waiting, { interval: 5, timeout: 10_000 }).toBeGreaterThan(0)
    await expect.poll(waiting, { interval: 5, timeout: 10_000 }).toBeLessThan(TEXTS - 20)
    controller.abort()
    await expect(call).rejects.toMatchObject({ name: 'AbortError' })

    const isMetered = () => owner.get('/v1/usage/recent').then(({ body }) => given(body))
    await expect.poll(isMetered, { timeout: 10_000 }).toBeDefined()
    const { tokens, cost_cents: cost } = (await isMetered())!
    const tokensOfAll = TEXTS * (2 * WORDS + 2)
    expect(tokens).toBeGreaterThan(0)
    expect(tokens).toBeLessThan(tokensOfAll)
    // A token costs ten micro-dollars, which is a thousandth of a cent.
    expect(cost).toBeCloseTo(tokens / 1000, 4)
    expect((await owner.get('/v1/balance')).body).toMatchObject({ held_cents: 0 })
    await server.stop()
  })

  it('a call that runs out of time is free, and what was held for it comes back', async () => {
    await using place = await storePlace(kind)
    const prices = join(place.dataDir, 'prices.json')
    writeFileSync(prices, JSON.stringify({ 'huggingface/distilbert-sst-2-int8': { per_request_usd: 1 } }))
    const server = await startKeyedServer(place, ['--prices', prices, '--workers', '1', '--timeout-ms', '30'])
    const { key } = await addAccount(server, { creditMicros: 5_000_000 })
    const owner = clientOf(server, key)
    const texts = Array.from({ length: TEXTS }, (_, index) => `${index} good `.repeat(WORDS))
    expect((await owner.post('/v1/classifications', { input: texts })).status).toBe(504)
    expect((await owner.get('/v1/balance')).body).toMatchObject({ balance_cents: 500, held_cents: 0 })
    expect((await owner.get('/v1/usage/recent')).body).toMatchObject({ data: [{ status: 'timed_out', cost_cents: 0 }] })
    await server.stop()
  })
})

type Call = { request_id: string; status: string; tokens: number; cost_cents: number }

function given(body: unknown): Call | undefined {
  return (body as { data: Call[] }).data.find(({ request_id: id, status }) => id === 'given-up' && status === 'aborted')
}
