import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { get, post } from '../support/http.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'

const KEY = 'a-key-of-the-test'
const HEADERS = { authorization: `Bearer ${KEY}` }
const ACCEPT = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' }
const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }

let server: RunningServer
beforeAll(async () => {
  server = await startTestServer(['--origins', 'https://agents.example'], { VALENCE_API_KEYS: KEY })
})
afterAll(() => server.stop())

const TRANSPORTS = [
  ['Streamable HTTP', () => new StreamableHTTPClientTransport(at('/mcp'), { requestInit: { headers: HEADERS } })],
  [
    'the older stream',
    () =>
      new SSEClientTransport(at('/mcp/sse'), {
        requestInit: { headers: HEADERS },
        fetch: (url, init) =>
          fetch(url, { ...init, headers: { ...Object.fromEntries(new Headers(init?.headers)), ...HEADERS } }),
      }),
  ],
] as const

describe.each(TRANSPORTS)('the official client, by %s', (_, transport) => {
  let client: Client
  beforeAll(async () => {
    client = new Client({ name: 'test', version: '1' })
    await client.connect(transport())
  })
  afterAll(() => client.close())

  it('lists the tools', async () => {
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual(['classify', 'list_models'])
  })

  it('classifies a text, and a list', async () => {
    // The client checks the structured content against the tool's own schema.
    const one = await client.callTool({ name: 'classify', arguments: { input: 'What a wonderful day.' } })
    expect(one.structuredContent).toMatchObject({ results: [{ label: 'POSITIVE' }] })
    const list = ['Terrible.', 'Wonderful.']
    const two = await client.callTool({ name: 'classify', arguments: { input: list, model: 'minilm-sst-2-int8' } })
    expect(two.structuredContent).toMatchObject({
      model: 'valence/minilm-sst-2-int8',
      results: [{ label: 'NEGATIVE' }, { label: 'POSITIVE' }],
    })
  })

  it('tells an agent what was wrong, where the agent reads it', async () => {
    const missing = await client.callTool({ name: 'classify', arguments: {} })
    expect(missing).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('input') }] })
    const unknown = await client.callTool({ name: 'classify', arguments: { input: 'x', model: 'no/such' } })
    expect(unknown).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('no/such') }] })
    await expect(client.callTool({ name: 'generate_image' })).rejects.toThrow(/no tool "generate_image"/)
  })
})

it('asks for a key, and answers in JSON-RPC', async () => {
  for (const reply of [await post(`${server.url}/mcp`, LIST, ACCEPT), await get(`${server.url}/mcp/sse`)]) {
    expect(reply).toMatchObject({ status: 401, body: { jsonrpc: '2.0', error: { data: { type: 'unauthenticated' } } } })
    expect(reply.headers.get('www-authenticate')).toBe('Bearer')
  }
})

it('turns scripts of foreign pages away, whatever key they have', async () => {
  const from = async (origin: string) =>
    (await post(`${server.url}/mcp`, LIST, { ...ACCEPT, ...HEADERS, origin })).status
  expect(await from('https://evil.example')).toBe(403)
  expect(await from('http://localhost.evil.example')).toBe(403)
  expect(await from('null')).toBe(403)
  expect(await from('http://localhost:6274')).toBe(200)
  expect(await from('https://agents.example')).toBe(200)
})

it('has neither sessions nor streams of its own', async () => {
  for (const method of ['GET', 'DELETE']) {
    const response = await fetch(`${server.url}/mcp`, { method, headers: HEADERS })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
  }
})

it('takes what is no message, too many of them, or another version, for what it is', async () => {
  const send = (body: unknown, headers = {}) => post(`${server.url}/mcp`, body, { ...ACCEPT, ...HEADERS, ...headers })
  expect(await send('{')).toMatchObject({ status: 400, body: { error: { code: -32700 } } })
  expect((await send({ hello: 1 })).status).toBe(400)
  expect((await send(Array.from({ length: 101 }, () => LIST))).status).toBe(400)
  expect((await send(LIST, { 'mcp-protocol-version': '1999-01-01' })).status).toBe(400)
  expect((await send({ jsonrpc: '2.0', method: 'notifications/initialized' })).status).toBe(202)
})

it('a message for a stream that is not the sender’s is a 404', async () => {
  expect((await post(`${server.url}/mcp/message?sessionId=guessed`, LIST, HEADERS)).status).toBe(404)
})

it('shows a page to try it, without a key and with nothing from elsewhere', async () => {
  const { status, headers, body } = await get(`${server.url}/mcp/inspect`)
  expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  expect(headers.get('content-security-policy')).toContain("default-src 'none'")
  expect(body).not.toMatch(/https?:/)
})

function at(path: string): URL {
  return new URL(path, server.url)
}
