import { InferenceClient, InferenceClientProviderApiError } from '@huggingface/inference'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newCache, removeCaches } from '../support/cache.ts'
import { post } from '../support/http.ts'
import { type FakeHub, startFakeHub } from '../support/hub.ts'
import { repoOf } from '../support/hub-models.ts'
import { PYTHON, runToEnd, warnWithoutPython } from '../support/python.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'
import { failureOf, HUGGING_FACE_MODEL, KEY, WRONG_KEY } from './support.ts'

warnWithoutPython()

const USUAL = `/models/${HUGGING_FACE_MODEL}`

describe('for a documented error of the Inference API', () => {
  let hub: FakeHub
  let server: RunningServer

  beforeAll(async () => {
    hub = await startFakeHub([
      repoOf('lab/slow', 'bert', 'a'.repeat(40)),
      { ...repoOf('lab/gated', 'bert', 'b'.repeat(40)), access: 'gated' },
    ])
    // The weights never come whole, so that the model stays loading.
    hub.fault = ({ server: from, method }) =>
      from === 'cdn' && method === 'GET' ? { until: new Promise(() => {}) } : undefined
    const flags = ['--workers', '1', '--allow-models', 'lab/*', '--model-hold-ms', '200', '--max-body-bytes', '8000']
    server = await startTestServer([...flags, '--max-waiting-texts', '1'], {
      VALENCE_OFFLINE: '',
      HF_ENDPOINT: hub.url,
      HF_HUB_CACHE: newCache(),
      VALENCE_API_KEYS: KEY,
    })
  })

  afterAll(async () => {
    await server?.stop()
    await hub?.close()
    removeCaches()
  })

  const ask = (path: string, { key = KEY, inputs = 'I like you.', ...parameters }: Record<string, unknown> = {}) =>
    new InferenceClient(key as string, { endpointUrl: `${server.url}${path}` }).textClassification(
      { inputs: inputs as string, parameters },
      { retry_on_error: false },
    )

  function expectError(error: unknown, status: number, reason: RegExp): void {
    expect(error).toBeInstanceOf(InferenceClientProviderApiError)
    expect(error).toMatchObject({
      message: expect.stringMatching(/^Failed to perform inference: /),
      httpResponse: { status, body: { error: expect.stringMatching(reason) }, requestId: expect.stringMatching(/\S/) },
    })
  }

  it.each([
    ['400, a parameter that is wrong', USUAL, { function_to_apply: 'tanh' }, 400, /function_to_apply/],
    [
      '400, a text that must not be cut',
      USUAL,
      { inputs: 'good '.repeat(600), truncation: false },
      400,
      /must not be cut/,
    ],
    ['400, a gated model', '/models/lab/gated', {}, 400, /is gated: ask for access/],
    ['401, a wrong key', USUAL, { key: WRONG_KEY }, 401, /^Invalid credentials in Authorization header$/],
    ['404, no such model', '/models/lab/nothing', {}, 404, /^Model lab\/nothing does not exist$/],
    ['413, too large', USUAL, { inputs: 'x'.repeat(9000) }, 413, /larger than this server takes/],
    ['503, loading', '/models/lab/slow', {}, 503, /^Model lab\/slow is currently loading$/],
  ])('the npm client raises %s', async (_, path, said, status, reason) => {
    expectError(await failureOf(ask(path, said)), status, reason)
  })

  it('the npm client raises 429, too much at once', async () => {
    const calls = Array.from({ length: 40 }, (_, index) => ask(USUAL, { inputs: `${index} ${'word '.repeat(400)}` }))
    const errors = (await Promise.allSettled(calls)).flatMap((call) =>
      call.status === 'rejected' ? [call.reason] : [],
    )
    expect(errors.length).toBeGreaterThan(0)
    for (const error of errors) expectError(error, 429, /^Rate limit reached\. /)
  })

  it('the headers say what an answer took, and which request it was', async () => {
    const { headers } = await post(server.url + USUAL, { inputs: 'Fine.' }, { authorization: `Bearer ${KEY}` })
    expect(Number(headers.get('x-compute-time'))).toBeGreaterThan(0)
    expect(headers.get('x-compute-type')).toBe('cpu')
    expect(headers.get('x-compute-characters')).toBe('5')
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    expect(headers.get('x-sha')).toMatch(/^[0-9a-f]{40}$/)
    expect(headers.get('content-type')).toMatch(/^application\/json/)
  })

  it.skipIf(PYTHON === undefined)('the Python client raises its own classes', async () => {
    const { code, stderr } = await runToEnd(PYTHON!, ['-B', 'test/clients/python/huggingface_errors.py', '-v'], {
      VALENCE_URL: server.url,
      VALENCE_KEY: KEY,
      VALENCE_WRONG_KEY: WRONG_KEY,
      VALENCE_SERVED_MODEL: '',
      HF_HUB_DISABLE_TELEMETRY: '1',
    })
    expect(code, stderr).toBe(0)
    expect(stderr).toMatch(/\nRan [1-9]\d* tests? in /)
  })
})
