import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { get, post } from '../support/http.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'

const MODEL = 'huggingface/distilbert-sst-2-int8'
const DIALECTS = {
  workersAi: { path: `/client/v4/accounts/a/ai/run/@cf/${MODEL}`, body: { text: 'Good.' } },
  huggingFace: { path: `/models/${MODEL}`, body: { inputs: 'Good.' } },
  openAi: { path: '/v1/chat/completions', body: { messages: [{ role: 'user', content: 'Good.' }] } },
}

let server: RunningServer
beforeAll(async () => {
  server = await startTestServer(['--max-body-bytes', '2048'])
})
afterAll(() => server.stop())

describe('Workers AI', () => {
  const { path } = DIALECTS.workersAi
  const failure = (code: number, message: unknown) => ({
    errors: [{ code, message }],
    success: false,
    result: {},
    messages: [],
  })

  it.each([
    ['no body', '', 400, 3003, 'AiError: The request is missing its headers or body.'],
    ['no JSON', '{"text":', 400, 5006, 'AiError: Bad input: Error: The body is not valid JSON.'],
    ['no text', {}, 400, 5006, "AiError: Bad input: Error: required properties at '/' are 'text'"],
    ['an empty text', { text: '' }, 400, 5006, expect.stringContaining('text must NOT have fewer than 1 characters')],
    ['a number', { text: 5 }, 400, 5006, expect.stringContaining('text must be string')],
    ['an array', [], 400, 5006, expect.stringContaining('body must be object')],
    ['too much', { text: 'x'.repeat(3000) }, 413, 3006, expect.stringContaining('larger than this server takes')],
  ])('%s', async (_, body, status, code, message) => {
    expect(await post(server.url + path, body)).toMatchObject({ status, body: failure(code, message) })
  })

  it('an unknown model', async () => {
    const reply = await post(`${server.url}/client/v4/accounts/a/ai/run/@cf/no/such`, { text: 'Good.' })
    expect(reply).toMatchObject({ status: 400, body: failure(5007, 'AiError: No such model @cf/no/such or task') })
  })

  it('an unknown address, a wrong method, a malformed escape', async () => {
    expect(await get(`${server.url}/client/v4/nothing`)).toMatchObject({
      status: 404,
      body: failure(7000, 'No route for that URI'),
    })
    expect(await post(`${server.url}/client/v4/accounts/a/ai/run/`, { text: 'Good.' })).toMatchObject({
      status: 404,
      body: failure(7000, 'No route for that URI'),
    })
    expect(await get(server.url + path)).toMatchObject({ status: 405 })
    expect(await post(`${server.url}/client/v4/accounts/a/ai/run/%zz`, {})).toMatchObject({
      status: 400,
      body: failure(7003, expect.any(String)),
    })
  })
})

describe('Hugging Face', () => {
  const { path } = DIALECTS.huggingFace

  it.each([
    ['no body', '', 400, /no body/],
    ['no JSON', 'hello', 400, /not valid JSON/],
    ['no inputs', {}, 400, /^inputs is required/],
    ['inputs of a wrong type', { inputs: 5 }, 400, /^inputs must be string or object or array/],
    ['a wrong text in a list', { inputs: ['a', 5] }, 400, /^inputs\[1\] must be string or object/],
    ['an empty list', { inputs: [] }, 400, /inputs/],
    ['fewer than no labels', { inputs: 'a', parameters: { top_k: -1 } }, 400, /^parameters.top_k must be >= 0/],
    [
      'an unknown function',
      { inputs: 'a', parameters: { function_to_apply: 'max' } },
      400,
      /^parameters.function_to_apply must be one of/,
    ],
    ['too much', { inputs: 'x'.repeat(3000) }, 413, /larger than this server takes/],
  ])('%s', async (_, body, status, message) => {
    expect(await post(server.url + path, body)).toMatchObject({
      status,
      body: { error: expect.stringMatching(message) },
    })
  })

  it('no body and no content type', async () => {
    const reply = await fetch(server.url + path, { method: 'POST' })
    expect(await reply.json()).toEqual({ error: expect.stringContaining('no body') })
  })

  it('an unknown model, and a wrong method', async () => {
    const reply = await post(`${server.url}/models/no/such`, { inputs: 'a' })
    expect(reply).toMatchObject({ status: 404, body: { error: 'Model no/such does not exist' } })
    expect(await get(server.url + path)).toMatchObject({
      status: 405,
      body: { error: expect.stringContaining('POST') },
    })
  })
})

describe('OpenAI', () => {
  const { path } = DIALECTS.openAi
  const failure = (type: string, code: number, param: string | null, message: unknown = expect.any(String)) => ({
    error: { type, code, param, message },
  })
  const invalid = (param: string | null, message?: unknown) => failure('invalid_request_error', 400, param, message)
  const user = (content: unknown) => ({ messages: [{ role: 'user', content }] })

  it.each([
    ['no body', '', invalid(null)],
    ['no JSON', '[', invalid(null, 'The body is not valid JSON.')],
    ['no messages', {}, invalid('messages', 'messages is required.')],
    ['empty messages', { messages: [] }, invalid('messages')],
    ['a message without a role', { messages: [{ content: 'a' }] }, invalid('messages[0].role')],
    [
      'content of a wrong type',
      user(5),
      invalid('messages[0].content', 'messages[0].content must be string or array or null.'),
    ],
    ['no user', { messages: [{ role: 'system', content: 'a' }] }, invalid('messages')],
    ['an empty text', user(''), invalid('messages[0].content')],
    [
      'an image',
      user([{ type: 'image_url', image_url: { url: 'data:' } }]),
      invalid('messages[0].content[0]', expect.stringContaining('"image_url" cannot be classified')),
    ],
    ['sound', user([{ type: 'input_audio' }]), invalid('messages[0].content[0]')],
    ['tools', { ...user('a'), tools: [{ type: 'function' }] }, invalid('tools')],
    ['a numeric model', { ...user('a'), model: 123 }, invalid('model', 'model must be string or null.')],
    ['many choices', { ...user('a'), n: 2 }, invalid('n')],
    ['too many labels', { ...user('a'), top_logprobs: 21 }, invalid('top_logprobs')],
  ])('%s', async (_, body, expected) => {
    expect(await post(server.url + path, body)).toMatchObject({ status: 400, body: expected })
  })

  it('an unknown model, and nothing at all', async () => {
    const reply = await post(server.url + path, { ...user('a'), model: 'gpt-5' })
    expect(reply).toMatchObject({
      status: 404,
      body: failure('model_not_found', 404, 'model', 'There is no model "gpt-5" here.'),
    })
    expect(await get(`${server.url}/v1/models/no%2Fsuch`)).toMatchObject({ status: 404 })
    expect(await get(`${server.url}/nowhere`)).toMatchObject({ status: 404, body: failure('not_found', 404, null) })
    expect(await get(server.url + path)).toMatchObject({
      status: 405,
      body: failure('invalid_request_error', 405, null),
    })
  })
})

describe('keys', () => {
  it('are asked for in every dialect, and only the right one opens', async () => {
    const closed = await startTestServer([], { VALENCE_API_KEYS: 'first-key, second-key' })
    for (const { path, body } of Object.values(DIALECTS)) {
      expect((await post(closed.url + path, body)).status).toBe(401)
      expect((await post(closed.url + path, body, { authorization: 'Bearer first-ke' })).status).toBe(401)
      const malformed = await post(closed.url + path, body, { authorization: 'first-key' })
      expect(malformed.status).toBe(path.startsWith('/client/') ? 400 : 401)
      expect((await post(closed.url + path, body, { authorization: 'Bearer second-key' })).status).toBe(200)
    }
    expect((await get(`${closed.url}/v1/models`)).status).toBe(401)
    expect((await get(`${closed.url}/health`)).status).toBe(200)
    await closed.stop()
    expect(closed.output()).not.toContain('-key')
  })
})

describe('strict models', () => {
  it('refuse in the dialect instead of answering with another model', async () => {
    const strict = await startTestServer(['--strict-models'])
    const { workersAi, huggingFace, openAi } = DIALECTS
    expect(await post(strict.url + workersAi.path, workersAi.body)).toMatchObject({
      status: 400,
      body: { errors: [{ code: 5007 }] },
    })
    expect(await post(strict.url + huggingFace.path, huggingFace.body)).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('cannot answer') },
    })
    expect(await post(strict.url + openAi.path, openAi.body)).toMatchObject({
      status: 503,
      body: { error: { type: 'service_unavailable', param: 'model' } },
    })
    expect((await get(`${strict.url}/health`)).body).toMatchObject({
      models: [{ status: 'unavailable', served_by: null }, { status: 'ready' }],
    })
    await strict.stop()
  })
})
