import { sql } from 'kysely'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { addAccount, clientOf, priced, startKeyedServer } from '../support/accounts.ts'
import { startTestServer } from '../support/server.ts'
import { STORE_KINDS, type StorePlace, storePlace } from '../support/stores.ts'

const PRICE_MICROS = 2600
const CREDIT_MICROS = 100 * PRICE_MICROS

describe.each(STORE_KINDS)('on the %s store, a wallet worth 100 calls', (kind) => {
  it.each(kind === 'postgres' ? [1, 2] : [1])(
    'pays for 100 of 300 that %s process(es) are sent at once',
    async (servers) => {
      await using place = await storePlace(kind)
      const first = await startKeyedServer(place, priced(place, PRICE_MICROS))
      const second =
        servers === 2 ? await startTestServer(['--require-keys', ...priced(place, PRICE_MICROS)], place.env) : first
      const { id, key } = await addAccount(first, { creditMicros: CREDIT_MICROS })

      const answers = await Promise.all(
        Array.from({ length: 300 }, (_, index) =>
          clientOf(index % 2 === 0 ? first : second, key).classify(`text ${index}`, { 'x-aig-tag': 'load' }),
        ),
      )

      const statuses = answers.map(({ status }) => status)
      expect(statuses.filter((status) => status === 200)).toHaveLength(100)
      expect(statuses.filter((status) => status === 402)).toHaveLength(200)
      const paid = answers.find(({ status }) => status === 200)!
      expect(paid.headers.get('x-cost-cents')).toBe('0.26')
      expect(paid.body).toMatchObject({ usage: { cost: 0.0026 } })
      const refused = answers.find(({ status }) => status === 402)!
      expect(refused.body).toMatchObject({ error: { type: 'insufficient_credits', code: 402 } })
      const owner = clientOf(first, key)
      expect((await owner.get('/v1/balance')).body).toMatchObject({
        account_id: id,
        balance_cents: 0,
        held_cents: 0,
        spent_this_month_cents: 26,
      })
      expect((await owner.get('/v1/usage/by-tag')).body).toMatchObject({
        data: [{ label: 'load', tag: 'load', requests: 100, cost_cents: 26 }],
      })
      await first.stop()
      if (second !== first) await second.stop()
      expect(await sumOfLedger(place)).toBe(0)
    },
  )

  it('charges nothing for a call that fails, nor for what the cache has', async () => {
    await using place = await storePlace(kind)
    const server = await startKeyedServer(place, priced(place, PRICE_MICROS))
    const { key } = await addAccount(server, { creditMicros: CREDIT_MICROS })
    const owner = clientOf(server, key)
    expect((await owner.post('/v1/classifications', { model: 'none', input: 'a' })).status).toBe(404)
    expect((await owner.post('/v1/classifications', { input: [] })).status).toBe(400)
    const body = { input: 'the same text' }
    expect((await owner.post('/v1/classifications', body)).body).toMatchObject({ usage: { cost: 0.0026 } })
    expect((await owner.post('/v1/classifications', body)).body).toMatchObject({ usage: { cost: 0 } })
    expect((await owner.get('/v1/balance')).body).toMatchObject({ balance_cents: 25.74, held_cents: 0 })
    await server.stop()
    expect(await sumOfLedger(place)).toBe(0)
  })

  it("tells the openai client, and Cloudflare's and Hugging Face's in their words", async () => {
    await using place = await storePlace(kind)
    const server = await startKeyedServer(place, priced(place, PRICE_MICROS))
    const { key } = await addAccount(server)
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: key })
    const question = { model: 'auto', messages: [{ role: 'user' as const, content: 'Good.' }] }
    const error = await client.chat.completions.create(question).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(OpenAI.APIError)
    expect(error).toMatchObject({ status: 402, type: 'insufficient_credits' })
    const owner = clientOf(server, key)
    const model = 'huggingface/distilbert-sst-2-int8'
    const cloudflare = await owner.post(`/client/v4/accounts/a/ai/run/@cf/${model}`, { text: 'Good.' })
    expect(cloudflare).toMatchObject({ status: 429, body: { errors: [{ code: 3036 }] } })
    expect(cloudflare.headers.get('x-should-retry')).toBe('false')
    expect(await owner.post(`/models/${model}`, { inputs: 'Good.' })).toMatchObject({
      status: 402,
      body: { error: expect.stringContaining('Top it up') },
    })
    await server.stop()
  })
})

async function sumOfLedger(place: StorePlace): Promise<number> {
  const { db } = await place.open()
  const unbalanced = await sql`
    select transaction_id from ledger_entries group by transaction_id having sum(amount_micros) <> 0`.execute(db)
  expect(unbalanced.rows).toEqual([])
  const { rows } = await sql<{ sum: number }>`select sum(amount_micros) as sum from ledger_entries`.execute(db)
  return rows[0]!.sum
}
