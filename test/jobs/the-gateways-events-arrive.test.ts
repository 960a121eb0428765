import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { addAccount, clientOf, priced, startKeyedServer } from '../support/accounts.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'
import { until } from './support.ts'

type Event = { id: string; type: string; created: number; data: Record<string, unknown> }

describe.each(STORE_KINDS)('on the %s store', { timeout: 120_000 }, (kind) => {
  it('a key that is rotated and a wallet that runs low are told to the account’s webhook, and to nobody else’s', async () => {
    const events: (Event & { path: string })[] = []
    const receiver = createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (chunk) => (body += chunk))
      request.on('end', () => {
        events.push({ ...(JSON.parse(body) as Event), path: request.url! })
        response.end()
      })
    }).listen(0, '127.0.0.1')
    await once(receiver, 'listening')
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`
    await using place = await storePlace(kind)
    const server = await startKeyedServer(place, ['--allow-private-webhooks', ...priced(place, 100_000)])

    const { id, key } = await addAccount(server, { creditMicros: 1_000_000 })
    const stranger = await addAccount(server)
    const owner = clientOf(server, key)
    expect((await owner.post('/v1/webhooks', { url: `${url}/owner` })).status).toBe(201)
    expect((await clientOf(server, stranger.key).post('/v1/webhooks', { url: `${url}/stranger` })).status).toBe(201)

    for (let calls = 0; calls < 9; calls += 1) expect((await owner.classify(`Text ${calls}`)).status).toBe(200)
    const keys = (await owner.get('/v1/keys')).body as { data: { id: string }[] }
    const rotated = (await owner.post(`/v1/keys/${keys.data[0]!.id}/rotate`)).body as { key: string }
    expect((await clientOf(server, rotated.key).classify()).status).toBe(200)

    await until(
      async () => events.map(({ type }) => type),
      (told) => told.includes('balance.low') && told.includes('key.rotated'),
    )

    expect(new Set(events.map(({ path }) => path))).toEqual(new Set(['/owner']))
    expect(new Set(events.map((event) => event.id)).size).toBe(events.length)
    expect(id).toMatch(/^acct_/)
    await server.stop()
    receiver.close().closeAllConnections()
  })

  it('nothing is sent to the operator’s own networks, by address or by name, unless they allow it', async () => {
    await using place = await storePlace(kind)
    const server = await startKeyedServer(place)
    const { key } = await addAccount(server)
    const owner = clientOf(server, key)
    for (const host of ['127.0.0.1', '[::1]', '169.254.169.254', '0x7f000001', '10.1.2.3']) {
      const refused = await owner.post('/v1/webhooks', { url: `http://${host}:9/` })
      expect(refused).toMatchObject({ status: 400, body: { error: { param: 'url' } } })
      const job = await owner.post('/v1/classifications', { input: 'good', webhook_url: `http://${host}:9/` })
      expect(job).toMatchObject({ status: 400, body: { error: { param: 'webhook_url' } } })
    }
    // Where a name leads is looked at when something is sent.
    const job = await owner.post('/v1/classifications', { input: 'good', webhook_url: 'http://localhost:9/' })
    expect(job.status).toBe(202)
    type Deliveries = { data: { status: string; tries: number; last_failure: string }[] }
    const deliveries = await until(
      async () => ((await owner.get('/v1/webhooks/deliveries')).body as Deliveries).data,
      ([delivery]) => delivery !== undefined && delivery.status !== 'pending',
    )
    expect(deliveries).toMatchObject([
      { status: 'failed', tries: 1, last_failure: 'localhost is not an address on the public internet.' },
    ])
    await server.stop()
  })
})
