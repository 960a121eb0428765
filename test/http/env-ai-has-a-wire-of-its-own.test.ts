import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { get, post } from '../support/http.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'

const MODEL = '@cf/huggingface/distilbert-sst-2-int8'
const HEADERS = { 'cf-consn-model-id': MODEL, 'content-type': 'application/json' }
const TENSORS = { input: [{ type: 'str', shape: [1], name: 'input_text', value: ['Good.'] }], stream: false }

let server: RunningServer
beforeAll(async () => {
  server = await startTestServer(['--max-body-bytes', '4096', '--workers', '1'])
})
afterAll(() => server.stop())

const send = (path: string, body: string | Buffer, headers: Record<string, string> = HEADERS) =>
  fetch(server.url + path, { method: 'POST', body: new Uint8Array(Buffer.from(body)), headers })

const good = JSON.stringify({ inputs: { text: 'Good.' }, options: {} })
const scores = [
  { label: 'NEGATIVE', score: expect.any(Number) },
  { label: 'POSITIVE', score: expect.any(Number) },
]

describe('an answer', () => {
  it.each(['/run?version=3', '/ai-gateway/run?version=3', '/client/v4/accounts/a/ai/run/proxy'])(
    'from %s is bare, and its type has no charset',
    async (path) => {
      const response = await send(path, good)

      expect(response.headers.get('content-type')).toBe('application/json')
      expect(response.headers.get('cf-ai-req-id')).toBe(response.headers.get('x-request-id'))
      expect(response.headers.get('cf-aig-log-id') !== null).toBe(path.startsWith('/ai-gateway/'))
      expect(await response.json()).toEqual(scores)
    },
  )

  it('to version 2 is gzip that no header names', async () => {
    const response = await send('/run?version=2', good, {
      ...HEADERS,
      'content-type': 'text/plain',
      'content-encoding': 'application/json',
    })

    expect(response.headers.get('content-encoding')).toBeNull()
    expect(JSON.parse(gunzipSync(Buffer.from(await response.arrayBuffer())).toString())).toEqual(scores)
  })

  it('to tensors is a tensor, however often their body was compressed', async () => {
    const plain = Buffer.from(JSON.stringify(TENSORS))
    for (const body of [plain, gzipSync(plain), gzipSync(gzipSync(plain))]) {
      const response = await send('/run', body)
      expect(await response.json()).toEqual({
        result: [{ type: 'float32', shape: [1, 2], name: 'logits', value: [[expect.any(Number), expect.any(Number)]] }],
      })
    }
  })

  it('has the id that @cloudflare/ai made for it, and tells its user', async () => {
    const response = await send('/run', good, { ...HEADERS, 'cf-ai-req-id': 'an-id-of-1.0' })
    expect(response.headers.get('cf-ai-req-id')).toBe('an-id-of-1.0')
    expect(response.headers.get('x-request-id')).toBe('an-id-of-1.0')
    await response.body?.cancel()
  })

  it('through wrangler 3 is what the forwarded address asks for', async () => {
    const proxy = `${server.url}/client/v4/accounts/a/ai/run/proxy`
    const forwarded = (path: string) => ({ ...HEADERS, 'x-forwarded': `https://workers-binding.ai${path}` })

    const zipped = await send('/client/v4/accounts/a/ai/run/proxy', good, forwarded('/run?version=2'))
    expect(JSON.parse(gunzipSync(Buffer.from(await zipped.arrayBuffer())).toString())).toEqual(scores)
    expect(await get(proxy, forwarded('/ai-api/models/search?per_page=1&page=2'))).toMatchObject({
      status: 200,
      body: { result_info: { page: 2, count: 1 } },
    })
    expect((await get(proxy, forwarded('/ai-api/models/search?page=0'))).status).toBe(400)
    expect((await get(proxy, forwarded('/elsewhere'))).status).toBe(404)
  })
})

describe('an error', () => {
  it.each([
    ['no inputs', {}, HEADERS, 400, 5006, "Error: required properties at '/' are 'text'"],
    ['inputs of a wrong type', { inputs: 5 }, HEADERS, 400, 5006, 'Error: body must be object.'],
    ['a tensor without a text', { input: [{ name: 'other' }] }, HEADERS, 400, 5006, /required properties/],
    ['an empty text', { inputs: { text: '' } }, HEADERS, 400, 5006, /^Error: text must NOT have fewer/],
    ['no model', { inputs: { text: 'a' } }, {}, 400, 3003, /missing its headers or body/],
    [
      'an unknown model',
      { inputs: { text: 'a' } },
      { 'cf-consn-model-id': 'x:@cf/a/b' },
      400,
      5007,
      'No such model @cf/a/b or task',
    ],
    ['too much', { inputs: { text: 'x'.repeat(5000) } }, HEADERS, 413, 3006, /larger than this server takes/],
  ])('for %s says what env.AI throws', async (_, body, headers, status, internalCode, description) => {
    const reply = await post(`${server.url}/run?version=3`, body, headers)
    expect(reply).toMatchObject({ status, body: { internalCode, name: 'AiError' } })
    expect((reply.body as { description: string }).description).toMatch(description)
    expect(reply.headers.get('cf-ai-req-id')).toBe(reply.headers.get('x-request-id'))
  })

  it('for an unknown address or a wrong method is in the same form', async () => {
    expect(await get(`${server.url}/ai-api/nothing`)).toMatchObject({ status: 404, body: { internalCode: 7000 } })
    expect(await get(`${server.url}/run`)).toMatchObject({ status: 405, body: { internalCode: 10405 } })
  })
})

describe('a compressed body', () => {
  it('is no larger decompressed than a body may be', async () => {
    const bomb = gzipSync(Buffer.alloc(100_000_000, ' '))
    const long = gzipSync(JSON.stringify({ inputs: { text: 'x'.repeat(5000) } }))
    for (const body of [gzipSync(bomb), long]) {
      expect((await send('/run?version=3', body)).status).toBe(413)
    }
  })

  it('that is cut or too deep is refused', async () => {
    const zipped = gzipSync(good)
    for (const body of [zipped.subarray(0, -5), gzipSync(gzipSync(zipped)), Buffer.from([0x1f, 0x8b])]) {
      const response = await send('/run?version=3', body)
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ internalCode: 5006 })
    }
  })

  it('is read by every route', async () => {
    const response = await send('/models/huggingface/distilbert-sst-2-int8', gzipSync('{"inputs":"Good."}'))
    expect(response.status).toBe(200)
  })
})
