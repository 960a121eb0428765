import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import Cloudflare from 'cloudflare'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { post } from '../support/http.ts'
import type { RunningServer } from '../support/server.ts'
import { BAD, CLOUDFLARE_MODEL, failureOf, GOOD, KEY, startLockedServer } from './support.ts'

const ACCOUNT = '0123456789abcdef0123456789abcdef'
const RUN = `/accounts/${ACCOUNT}/ai/run/${CLOUDFLARE_MODEL}`
const QUEUED = { queueRequest: 'true' }

type Queued = { status: string; request_id: string; model: string }
type Polled = { status?: string; responses?: Response[]; usage?: object }
type Response = { id: number; result: object; success: boolean; external_reference: string | null }

const labels = (better: 'POSITIVE' | 'NEGATIVE') => {
  const score = (label: string) => ({ label, score: expect.closeTo(label === better ? 0.95 : 0.05, 0) })
  return [score('NEGATIVE'), score('POSITIVE')]
}

describe('texts that are queued with queueRequest', () => {
  let server: RunningServer
  let client: Cloudflare

  beforeAll(async () => {
    server = await startLockedServer()
    client = new Cloudflare({ baseURL: `${server.url}/client/v4`, apiToken: KEY })
  })

  afterAll(async () => {
    await server?.stop()
  })

  /** The client has no parameter for it, but takes any. */
  const run = <T>(body: object, query: object = {}, model = CLOUDFLARE_MODEL) =>
    client.ai.run(model, { account_id: ACCOUNT, ...body }, { query }) as PromiseLike<unknown> as PromiseLike<T>

  async function responsesTo(poll: () => PromiseLike<Polled>): Promise<Polled> {
    for (;;) {
      const polled = await poll()
      if (polled.responses) return polled
      expect(polled.status).toMatch(/^(queued|running)$/)
      await setTimeout(50)
    }
  }

  it('are answered in their order, with what names them', async () => {
    const requests = [{ text: GOOD, external_reference: 'first "one"' }, { text: BAD }, { text: GOOD }]
    const queued = await run<Queued>({ requests }, QUEUED)
    expect(queued).toEqual({ status: 'queued', request_id: expect.any(String), model: CLOUDFLARE_MODEL })

    const { request_id } = queued
    expect(await responsesTo(() => run<Polled>({ request_id }, QUEUED))).toEqual({
      responses: [
        { id: 0, result: labels('POSITIVE'), success: true, external_reference: 'first "one"' },
        { id: 1, result: labels('NEGATIVE'), success: true, external_reference: null },
        { id: 2, result: labels('POSITIVE'), success: true, external_reference: null },
      ],
      usage: { prompt_tokens: expect.any(Number), completion_tokens: 0, total_tokens: expect.any(Number) },
    })
  })

  it('are queued and asked for by env.AI as well', async () => {
    const headers = { 'cf-consn-model-id': CLOUDFLARE_MODEL, authorization: `Bearer ${KEY}` }
    const ask = async (inputs: object, options: object) =>
      (await post(`${server.url}/run?version=3`, { inputs, options }, headers)).body as Queued & Polled
    const { request_id } = await ask({ requests: [{ text: GOOD }] }, { queueRequest: true })

    const { responses } = await responsesTo(() => ask({ request_id }, {}))
    expect(responses).toMatchObject([{ id: 0, success: true, result: labels('POSITIVE') }])
  })

  it.each([
    ['no requests', { text: GOOD }, QUEUED, 400, 5006, "required properties at '/' are 'requests'"],
    ['requests without the wish to queue them', { requests: [{ text: GOOD }] }, {}, 400, 5006, "at '/' are 'text'"],
    ['an empty list', { requests: [] }, QUEUED, 400, 5006, 'requests must NOT have fewer than 1 items'],
    ['a request without a text', { requests: [{}] }, QUEUED, 400, 5006, "are 'requests[0].text'"],
    ['an empty text', { requests: [{ text: '' }] }, QUEUED, 400, 5006, 'requests[0].text must NOT have'],
    ['an unknown id', { request_id: 'job_nobody-has-this' }, {}, 404, 7003, 'Could not route'],
  ])('are refused for %s', async (_, body, query, status, code, message) => {
    const error = await failureOf(run(body, query))
    expect(error).toMatchObject({ status, errors: [{ code, message: expect.stringContaining(message) }] })
  })

  it('are refused for an unknown model', async () => {
    const error = await failureOf(run({ requests: [{ text: GOOD }] }, QUEUED, '@cf/no/such'))
    expect(error).toMatchObject({ status: 400, errors: [{ code: 5007 }] })
  })

  it('whose queue was cancelled before the first of them end as an error that is not tried again', async () => {
    const { request_id } = await run<Queued>({ requests: [{ text: GOOD }] }, QUEUED)
    await fetch(`${server.url}/v1/jobs/${request_id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${KEY}` },
    })
    for (;;) {
      const outcome = await run<Polled>({ request_id }, QUEUED).then(
        (polled) => polled,
        (error: unknown) => error,
      )
      if (outcome instanceof Cloudflare.APIError) {
        expect(outcome).toMatchObject({ status: 400, errors: [{ code: 5006 }] })
        expect(outcome.message).toContain('cancelled')
        return
      }
      // It may have been too late.
      if ((outcome as Polled).responses) return
      await setTimeout(50)
    }
  })
})

describe('a queue of ten megabytes', () => {
  let server: RunningServer
  beforeAll(async () => {
    server = await startLockedServer()
  })
  afterAll(() => server?.stop())

  const BYTES = 10_000_000
  const headers = { authorization: `Bearer ${KEY}` }
  const url = (query = '?queueRequest=true') => `${server.url}/client/v4${RUN}${query}`
  const send = (body: string | Uint8Array<ArrayBuffer> | ReadableStream, query?: string) =>
    fetch(url(query), { method: 'POST', body, headers, duplex: 'half' })

  /** Texts that fill a body of exactly so many bytes; the last one takes what is left. */
  function bodyOf(bytes: number, text: string): string {
    const request = { text, external_reference: 'r' }
    const count = Math.floor((bytes - 100) / (JSON.stringify(request).length + 1)) - 1
    const requests = Array.from({ length: count }, () => request)
    const filler = bytes - JSON.stringify({ requests: [...requests, { text: '' }] }).length
    return JSON.stringify({ requests: [...requests, { text: 'x'.repeat(filler) }] })
  }

  it('is taken, whole, in chunks or compressed, by the REST API and by env.AI', async () => {
    const body = bodyOf(BYTES, 'word '.repeat(2000))
    const inputs = JSON.stringify({ inputs: JSON.parse(body), options: { queueRequest: true } })
    const binding = { ...headers, 'cf-consn-model-id': CLOUDFLARE_MODEL }
    const answers = [
      await send(body),
      await send(new Blob([body]).stream()),
      await send(new Uint8Array(gzipSync(body))),
      await fetch(`${server.url}/run?version=3`, { method: 'POST', body: inputs, headers: binding }),
    ]
    for (const answer of answers) {
      const text = await answer.text()
      expect(answer.status, text).toBe(200)
      expect(text).toContain('"status":"queued"')
      const id = /"request_id":"(.*?)"/.exec(text)![1]
      await fetch(`${server.url}/v1/jobs/${id}`, { method: 'DELETE', headers })
    }
  })

  it('is too large with a megabyte more, also compressed, and where it is not queued', async () => {
    const long = bodyOf(BYTES + 1_000_000, 'word '.repeat(2000))
    const usual = bodyOf(3_000_000, 'word '.repeat(2000))
    const one = JSON.stringify({ text: 'x'.repeat(3_000_000) })
    const answers = [
      await send(long),
      await send(new Blob([long]).stream()),
      await send(new Uint8Array(gzipSync(long))),
      await send(usual, ''),
      await send(new Uint8Array(gzipSync(one)), ''),
    ]
    for (const answer of answers) {
      expect(answer.status).toBe(413)
      expect(await answer.json()).toMatchObject({ errors: [{ code: 3006 }] })
    }
  })

  it('may not have a text in it that no request could have', async () => {
    const answer = await send(JSON.stringify({ requests: [{ text: GOOD }, { text: 'x'.repeat(3_000_000) }] }))
    expect(answer.status).toBe(413)
    expect(await answer.json()).toMatchObject({
      errors: [{ code: 3006, message: expect.stringContaining('number 2') }],
    })
  })

  it('may not have more texts than a queue takes', async () => {
    const answer = await send(JSON.stringify({ requests: Array.from({ length: 50_001 }, () => ({ text: 'a' })) }))
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({
      errors: [{ code: 5006, message: expect.stringContaining('requests must NOT have more than 50000 items') }],
    })
  })

  it('keeps others out only while a few of its kind are being read', async () => {
    // Four that never come to their end have all the places.
    const slow = Array.from({ length: 4 }, () => {
      const { hostname, port } = new URL(server.url)
      const socket = connect(Number(port), hostname)
      socket.on('error', () => {})
      socket.write(
        `POST /client/v4${RUN}?queueRequest=true HTTP/1.1\r\nhost: valence\r\n` +
          `authorization: Bearer ${KEY}\r\ncontent-length: ${BYTES}\r\n\r\n${'x'.repeat(3_000_000)}`,
      )
      return socket
    })
    const body = bodyOf(3_000_000, 'word '.repeat(2000))
    await expect.poll(async () => (await send(body)).status, { timeout: 30_000, interval: 200 }).toBe(429)
    const refused = await send(body)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await refused.json()).toMatchObject({ errors: [{ code: 3040 }] })
    // Shorter ones are read as ever.
    expect((await send(JSON.stringify({ requests: [{ text: GOOD }] }))).status).toBe(200)
    for (const socket of slow) socket.destroy()
    await expect.poll(async () => (await send(body)).status, { timeout: 30_000, interval: 200 }).toBe(200)
  })
}, 120_000)
