import { setTimeout } from 'node:timers/promises'
import Cloudflare from 'cloudflare'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { post } from '../support/http.ts'
import type { RunningServer } from '../support/server.ts'
import { BAD, CLOUDFLARE_MODEL, failureOf, GOOD, KEY, startLockedServer } from './support.ts'

const ACCOUNT = '0123456789abcdef0123456789abcdef'
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
})
