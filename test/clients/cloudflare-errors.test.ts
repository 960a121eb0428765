import { setTimeout } from 'node:timers/promises'
import Cloudflare, { type APIError } from 'cloudflare'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addAccount, priced, clientOf as requestsWith, startKeyedServer } from '../support/accounts.ts'
import { post } from '../support/http.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'
import { storePlace } from '../support/stores.ts'
import { CLOUDFLARE_MODEL, failureOf, GOOD, KEY, WRONG_KEY } from './support.ts'

const ACCOUNT = '0123456789abcdef0123456789abcdef'
const RUN = `/accounts/${ACCOUNT}/ai/run/${CLOUDFLARE_MODEL}`

/** Each documented error that can arise here, and the class that the official client makes of it. */
describe('for a documented error the cloudflare client raises its own class', () => {
  let server: RunningServer

  beforeAll(async () => {
    server = await startTestServer(['--workers', '1', '--max-body-bytes', '4096'], { VALENCE_API_KEYS: KEY })
  })

  afterAll(async () => {
    await server?.stop()
  })

  /** One at a time: each opens a store of its own, which two cores feel. */
  async function withServer(flags: string[], work: (server: RunningServer) => Promise<void>): Promise<void> {
    const own = await startTestServer(['--workers', '1', ...flags])
    try {
      await work(own)
    } finally {
      await own.stop()
    }
  }

  const clientOf = ({ url }: RunningServer, apiToken = KEY) =>
    new Cloudflare({ baseURL: `${url}/client/v4`, apiToken, maxRetries: 0 })
  const run = (client: Cloudflare, text: string) => client.ai.run(CLOUDFLARE_MODEL, { account_id: ACCOUNT, text })

  function expectError(error: unknown, kind: new (...args: never[]) => APIError, status: number, code: number): void {
    expect(error).toBeInstanceOf(kind)
    expect(error).toMatchObject({ status, errors: [{ code, message: expect.any(String) }] })
  }

  it.each([
    ['400 5006, a body that is not as the schema says', RUN, { text: 5 }, Cloudflare.BadRequestError, 400, 5006],
    ['400 5006, a body that is no JSON', RUN, Buffer.from('{'), Cloudflare.BadRequestError, 400, 5006],
    ['400 3003, no body', RUN, undefined, Cloudflare.BadRequestError, 400, 3003],
    ['400 5007, no such model', `${RUN}-9`, { text: GOOD }, Cloudflare.BadRequestError, 400, 5007],
    ['400 7003, a malformed address', '/accounts/%zz/ai/run/x', { text: GOOD }, Cloudflare.BadRequestError, 400, 7003],
    ['404 7000, no such endpoint', '/accounts/x/ai/nothing', {}, Cloudflare.NotFoundError, 404, 7000],
    ['405 10405, a wrong method', `/accounts/${ACCOUNT}/ai/models/search`, {}, Cloudflare.APIError, 405, 10405],
    ['413 3006, too large', RUN, { text: 'x'.repeat(5000) }, Cloudflare.APIError, 413, 3006],
  ])('%s', async (_, path, body, kind, status, code) => {
    expectError(await failureOf(clientOf(server).post(path, { body })), kind, status, code)
  })

  it('401 10000, a wrong token', async () => {
    const error = await failureOf(run(clientOf(server, WRONG_KEY), GOOD))
    expectError(error, Cloudflare.AuthenticationError, 401, 10000)
  })

  it('400 6003 with 6111, a malformed Authorization', async () => {
    const client = clientOf(server)
    const error = await failureOf(client.get('/user/tokens/verify', { headers: { authorization: KEY } }))

    expectError(error, Cloudflare.BadRequestError, 400, 6003)
    expect(error).toMatchObject({ errors: [{ error_chain: [{ code: 6111 }] }] })
  })

  it('408 3007, out of time', () =>
    withServer(['--timeout-ms', '1'], async (slow) => {
      const error = await failureOf(run(clientOf(slow), 'A long text. '.repeat(2000)))
      expectError(error, Cloudflare.APIError, 408, 3007)
    }))

  it('429 3040, no capacity, with a Retry-After that the client obeys', () =>
    withServer(['--max-waiting-texts', '1'], async (full) => {
      const client = clientOf(full)
      const texts = Array.from({ length: 40 }, (_, index) => `Text number ${index}. ${'word '.repeat(400)}`)
      const errors = (await Promise.allSettled(texts.map((text) => run(client, text)))).flatMap((outcome) =>
        outcome.status === 'rejected' ? [outcome.reason as APIError] : [],
      )

      expect(errors.length).toBeGreaterThan(0)
      for (const error of errors) {
        expectError(error, Cloudflare.RateLimitError, 429, 3040)
        expect(Number(error.headers?.get('retry-after'))).toBeGreaterThan(0)
      }
    }))

  it('429 3036, the daily allocation is used up; the client does not wait for midnight', () =>
    withServer(['--workers-ai-daily-neurons', '1'], async (metered) => {
      const client = new Cloudflare({ baseURL: `${metered.url}/client/v4`, apiToken: 'any' })
      // One neuron is 418 tokens.
      await run(client, 'word '.repeat(500))
      const error = await eventually(() => run(client, GOOD))

      expectError(error, Cloudflare.RateLimitError, 429, 3036)
      const seconds = Number((error as APIError).headers?.get('retry-after'))
      expect(seconds).toBeGreaterThan(0)
      expect(seconds).toBeLessThanOrEqual(86_400)
    }))

  it('403 5018, 429 3036 and 429 3021: not this model, no money left, too many requests a minute', async () => {
    await using place = await storePlace('embedded')
    const keyed = await startKeyedServer(place, [
      '--workers',
      '1',
      '--workers-ai-requests-per-minute',
      '2',
      ...priced(place, 1_000_000),
    ])
    try {
      const operator = requestsWith(keyed, keyed.adminKey)
      const scoped = await operator.post('/v1/keys', { allowed_models: ['valence/*'] })
      const scopedClient = clientOf(keyed, (scoped.body as { key: string }).key)
      expectError(await failureOf(run(scopedClient, GOOD)), Cloudflare.PermissionDeniedError, 403, 5018)

      const poor = await addAccount(keyed)
      expectError(await failureOf(run(clientOf(keyed, poor.key), GOOD)), Cloudflare.RateLimitError, 429, 3036)

      const eager = await addAccount(keyed)
      const embedded = '@cf/valence/minilm-sst-2-int8'
      const free = () => clientOf(keyed, eager.key).ai.run(embedded, { account_id: ACCOUNT, text: GOOD })
      const binding = () =>
        post(
          `${keyed.url}/run?version=3`,
          { inputs: { text: GOOD } },
          { 'cf-consn-model-id': embedded, authorization: `Bearer ${eager.key}` },
        )
      // Twice the limit is let through in one burst, whichever way in.
      for (let sent = 0; sent < 2; sent++) {
        await free()
        expect((await binding()).status).toBe(200)
      }
      expectError(await failureOf(free()), Cloudflare.RateLimitError, 429, 3021)
      expect(await binding()).toMatchObject({ status: 429, body: { internalCode: 3021 } })
    } finally {
      await keyed.stop()
    }
  })
})

/** What a call throws that goes well for a while: what an account used is read once a second. */
async function eventually(call: () => PromiseLike<unknown>): Promise<unknown> {
  for (;;) {
    try {
      await call()
    } catch (error) {
      return error
    }
    await setTimeout(100)
  }
}
