import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type OpenAI from 'openai'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { get, post, type Reply } from '../support/http.ts'
import type { RunningServer } from '../support/server.ts'
import { STORE_KINDS, type StorePlace, storePlace } from '../support/stores.ts'
import { chatLines, clientOf, endOf, startBatch, startOn, until } from './support.ts'

type Received = { path: string; headers: IncomingHttpHeaders; body: string }
type Delivery = { id: string; status: string; tries: number; last_status: number | null; event_id: string; url: string }

/** Receives webhooks; what a path is answered is set by its own text: /500 gets a 500. */
async function startReceiver(): Promise<{ url: string; received: Received[]; server: Server }> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      received.push({ path: request.url!, headers: request.headers, body })
      const status = Number(/\d{3}/.exec(request.url!)?.[0] ?? 200)
      // The first try of a path that says so fails.
      const isFirst = received.filter(({ path }) => path === request.url).length === 1
      response.writeHead(request.url!.startsWith('/once') && !isFirst ? 200 : status).end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received, server }
}

describe.each(STORE_KINDS)('webhooks on the %s store', { timeout: 120_000 }, (kind) => {
  let place: StorePlace
  let server: RunningServer
  let receiver: Awaited<ReturnType<typeof startReceiver>>
  let client: OpenAI

  beforeAll(async () => {
    receiver = await startReceiver()
    place = await storePlace(kind)
    server = await startOn(place)
    client = clientOf(server)
  }, 120_000)

  afterAll(async () => {
    await server?.stop()
    await place?.[Symbol.asyncDispose]()
    receiver?.server.close().closeAllConnections()
  })

  const api = (path: string) => `${server.url}/v1/${path}`
  const secret = async () => ((await get(api('webhook-secret'))).body as { secret: string }).secret
  const register = async (path: string, events?: string[]): Promise<Reply> =>
    post(api('webhooks'), { url: receiver.url + path, ...(events && { events }) })
  const remove = async ({ body }: Reply) => fetch(api(`webhooks/${(body as { id: string }).id}`), { method: 'DELETE' })
  const at = (path: string) =>
    until(
      async () => receiver.received.filter((each) => each.path === path),
      (found) => found.length > 0,
    )
  const runBatch = async () => endOf(client, (await startBatch(client, chatLines(2))).id)
  const deliveriesTo = async (path: string) => {
    const { body } = await get(api('webhooks/deliveries?limit=100'))
    return (body as { data: Delivery[] }).data.filter(({ url }) => url === receiver.url + path)
  }

  it('tell of a batch, signed so that both libraries verify it', async () => {
    const endpoint = await register('/hook')
    expect(endpoint).toMatchObject({ status: 201, body: { object: 'webhook', status: 'enabled', events: null } })
    const batch = await runBatch()
    const [{ headers, body }] = (await at('/hook')) as [Received]
    const event = JSON.parse(body)
    expect(event).toMatchObject({
      id: expect.stringMatching(/^evt_/),
      type: 'batch.completed',
      created: expect.any(Number),
      data: { id: batch.id, status: 'completed', output_file_id: batch.output_file_id },
    })
    expect(headers['webhook-id']).toBe(event.id)
    expect(headers['user-agent']).toMatch(/^valence\//)
    const key = await secret()
    expect(new Webhook(key).verify(body, headers as Record<string, string>)).toEqual(event)
    expect(await client.webhooks.unwrap(body, headers as Record<string, string>, key)).toEqual(event)
    const [delivery] = await until(
      () => deliveriesTo('/hook'),
      ([first]) => first?.status === 'delivered',
    )
    expect(delivery).toMatchObject({ status: 'delivered', tries: 1, last_status: 200, event_id: event.id })
    await remove(endpoint)
  })

  it('are signed by both secrets while one replaces the other', async () => {
    const older = await secret()
    const { body } = await post(api('webhook-secret/rotate'), '')
    const { secret: newer, previous_expires_at: until24h } = body as { secret: string; previous_expires_at: number }
    expect(newer).not.toBe(older)
    expect(until24h).toBeGreaterThan(Date.now() / 1000 + 23 * 3600)
    expect(await secret()).toBe(newer)
    const endpoint = await register('/rotated')
    await runBatch()
    const [{ headers, body: sent }] = (await at('/rotated')) as [Received]
    for (const each of [older, newer]) {
      expect(new Webhook(each).verify(sent, headers as Record<string, string>)).toEqual(JSON.parse(sent))
    }
    await remove(endpoint)
  })

  it('are tried again under the same id', async () => {
    const endpoint = await register('/once-500')
    await runBatch()
    const tries = await until(
      async () => receiver.received.filter(({ path }) => path === '/once-500'),
      (found) => found.length === 2,
      60_000,
    )
    expect(new Set(tries.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(tries[0]!.body).toBe(tries[1]!.body)
    const [delivery] = await until(
      () => deliveriesTo('/once-500'),
      ([first]) => first?.status === 'delivered',
    )
    expect(delivery).toMatchObject({ tries: 2, last_status: 200 })
    await remove(endpoint)
  })

  it('go to the address that a batch or a job was given', async () => {
    const { body } = await post(api('classifications'), { input: 'good', webhook_url: `${receiver.url}/job` })
    const { id } = body as { id: string }
    const [{ body: sent, headers }] = (await at('/job')) as [Received]
    expect(JSON.parse(sent)).toMatchObject({ type: 'job.completed', data: { id, status: 'completed' } })
    expect(new Webhook(await secret()).verify(sent, headers as Record<string, string>)).toBeDefined()
  })

  it('tell only of what they are to tell of', async () => {
    const others = await register('/others', ['usage.threshold'])
    const failures = await register('/failures', ['job.failed', 'batch.failed'])
    await runBatch()
    await endOf(client, (await startBatch(client, ['no JSON'])).id)
    const [{ body }] = (await at('/failures')) as [Received]
    expect(JSON.parse(body)).toMatchObject({ type: 'batch.failed' })
    expect(await deliveriesTo('/others')).toEqual([])
    expect(await deliveriesTo('/failures')).toHaveLength(1)
    await remove(others)
    await remove(failures)
  })

  it('end where the receiver says that it is gone', async () => {
    const endpoint = await register('/410')
    await runBatch()
    const [delivery] = await until(
      () => deliveriesTo('/410'),
      ([first]) => first?.status === 'failed',
    )
    expect(delivery).toMatchObject({ tries: 1, last_status: 410 })
    const { id } = endpoint.body as { id: string }
    expect((await get(api(`webhooks/${id}`))).body).toMatchObject({ status: 'disabled' })
    await runBatch()
    expect(await deliveriesTo('/410')).toHaveLength(1)
    expect((await post(api(`webhooks/deliveries/${delivery!.id}/replay`), '')).status).toBe(409)
  })

  it('can be sent again, under the same id', async () => {
    const endpoint = await register('/replayed')
    await runBatch()
    await at('/replayed')
    const [delivery] = await deliveriesTo('/replayed')
    const replay = await post(api(`webhooks/deliveries/${delivery!.id}/replay`), '')
    expect(replay.status).toBe(201)
    expect((replay.body as Delivery).event_id).toBe(delivery!.event_id)
    const [first, second] = await until(
      async () => receiver.received.filter(({ path }) => path === '/replayed'),
      (found) => found.length === 2,
    )
    expect(second!.body).toBe(first!.body)
    expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id'])
    await remove(endpoint)
  })

  it.each([
    'ftp://example.com',
    'http://user:word@example.com/',
    'nonsense',
    `https://example.com/${'x'.repeat(2050)}`,
  ])('do not go to %s', async (url) => {
    expect(await post(api('webhooks'), { url })).toMatchObject({ status: 400, body: { error: { param: 'url' } } })
  })

  it('are answered 404 where they are not there', async () => {
    expect((await get(api('webhooks/whe_0'))).status).toBe(404)
    expect((await get(api('webhooks/deliveries/whd_0'))).status).toBe(404)
    expect((await post(api('webhooks/deliveries/whd_0/replay'), '')).status).toBe(404)
  })
})
