import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CLOUDFLARE_MODEL, GOOD, KEY, type LabelScore, startLockedServer } from '../clients/support.ts'
import { post } from '../support/http.ts'
import type { RunningServer } from '../support/server.ts'
import { HAS_WORKERD, type RunningWorker, startWorker, warnWithoutWorkerd } from './wrangler.ts'

warnWithoutWorkerd()

const START_TIMEOUT_MS = 120_000

/** What test/workers/worker/index.ts tells. */
type Told = {
  answer: unknown
  isStream: boolean
  contentType: string | null
  lastRequestId: string
  logId: string
  error: unknown
}

/** wrangler 3 knows no plugins; it is told by variables of its own where Cloudflare is. */
const WAYS = [
  { version: 'newest', config: 'wrangler.jsonc', env: (url: string) => ({ VALENCE_URL: url, VALENCE_API_KEY: KEY }) },
  { version: '4.36', config: 'wrangler.jsonc', env: (url: string) => ({ VALENCE_URL: url, VALENCE_API_KEY: KEY }) },
  {
    version: '3',
    config: 'wrangler-3.json',
    env: (url: string) => ({
      CLOUDFLARE_API_BASE_URL: `${url}/client/v4`,
      CLOUDFLARE_API_TOKEN: KEY,
      CLOUDFLARE_ACCOUNT_ID: '0123456789abcdef0123456789abcdef',
    }),
  },
] as const

describe.skipIf(!HAS_WORKERD)('env.AI of wrangler dev, without a login or a network', () => {
  let server: RunningServer

  beforeAll(async () => {
    server = await startLockedServer()
  })

  afterAll(async () => {
    await server?.stop()
  })

  describe.each(WAYS)('wrangler $version', ({ version, config, env }) => {
    let worker: RunningWorker

    beforeAll(async () => {
      worker = await startWorker(version, `test/workers/worker/${config}`, env(server.url))
    }, START_TIMEOUT_MS)

    afterAll(async () => {
      await worker?.stop()
    })

    const ask = async (asked: object) => (await post(worker.url, asked)).body as Told
    const run = (inputs: object, options?: object, model = CLOUDFLARE_MODEL) =>
      ask({ act: 'run', model, inputs, options })

    it('answers with the labels and their scores, not with a stream', async () => {
      const { answer, isStream, lastRequestId } = await run({ text: GOOD })

      expect(isStream).toBe(false)
      expect((answer as LabelScore[]).map(({ label }) => label)).toEqual(['NEGATIVE', 'POSITIVE'])
      expect((answer as LabelScore[])[1]!.score).toBeGreaterThan(0.9)
      expect(lastRequestId).toMatch(/^[\w-]{36}$/)
    })

    it.each([
      ['an empty text', { text: '' }, CLOUDFLARE_MODEL, /^5006: Error: text must NOT have fewer than 1 characters/],
      ['no text', {}, CLOUDFLARE_MODEL, /^5006: Error: required properties at '\/' are 'text'$/],
      ['an unknown model', { text: GOOD }, '@cf/no/such', /^5007: No such model @cf\/no\/such or task$/],
    ])('throws the hosted error for %s', async (_, inputs, model, message) => {
      expect(await run(inputs, undefined, model)).toEqual({
        error: { name: 'AiError', message: expect.stringMatching(message), class: 'InferenceUpstreamError' },
      })
    })

    it('takes the options: a gateway, a prefix, the raw response', async () => {
      const told = await run({ text: GOOD }, { gateway: { id: 'mine' }, prefix: 'dev', returnRawResponse: true })

      expect(told).toMatchObject({
        contentType: 'application/json',
        answer: [{ label: 'NEGATIVE' }, { label: 'POSITIVE' }],
      })
    })

    it('queues texts, and asks for them later', async () => {
      const { answer: queued } = await run(
        { requests: [{ text: GOOD, external_reference: 'a' }] },
        { queueRequest: true },
      )
      expect(queued).toMatchObject({ status: 'queued', model: CLOUDFLARE_MODEL })

      const { request_id } = queued as { request_id: string }
      await expect
        .poll(async () => (await run({ request_id }, { queueRequest: true })).answer, { timeout: 20_000 })
        .toMatchObject({ responses: [{ id: 0, success: true, external_reference: 'a' }] })
    })

    it('lists the models', async () => {
      const { answer } = await ask({ act: 'models', inputs: { search: 'distilbert' } })

      expect(answer).toEqual([
        expect.objectContaining({
          id: 'eaf31752-a074-441f-8b70-d593255d2811',
          name: CLOUDFLARE_MODEL,
          task: expect.objectContaining({ name: 'Text Classification' }),
        }),
      ])
    })
  })

  it(
    'says what to do where no Valence answers',
    async () => {
      const worker = await startWorker('newest', 'test/workers/worker/wrangler.jsonc', {
        VALENCE_URL: 'http://127.0.0.1:1',
      })
      const { body } = await post(worker.url, { act: 'run', model: CLOUDFLARE_MODEL, inputs: { text: GOOD } })
      await worker.stop()

      expect(body).toMatchObject({
        error: {
          name: 'InferenceUpstreamError',
          message: expect.stringContaining('Valence does not answer at http://127.0.0.1:1'),
        },
      })
    },
    START_TIMEOUT_MS,
  )
})
