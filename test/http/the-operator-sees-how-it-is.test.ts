import { connect } from 'node:net'
import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { get, post } from '../support/http.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'

const PATH = '/client/v4/accounts/a/ai/run/@cf/valence/minilm-sst-2-int8'
const LIST_PATH = '/models/valence/minilm-sst-2-int8'
const MAX_WAITING = 200

let server: RunningServer
beforeAll(async () => {
  server = await startTestServer(['--workers', '1', '--max-waiting-texts', String(MAX_WAITING)])
})
afterAll(() => server.stop())

it('/openapi.json is valid OpenAPI 3.1 and has every route', async () => {
  const { body } = await get(`${server.url}/openapi.json`)
  const result = await new Validator().validate(body as Record<string, unknown>)
  expect(result.errors ?? []).toEqual([])
  expect(body).toMatchObject({ openapi: '3.1.0' })
  expect(Object.keys((body as { paths: object }).paths)).toEqual(
    expect.arrayContaining([
      '/client/v4/accounts/{account}/ai/run/{model}',
      '/models/{model}',
      '/hf-inference/models/{model}',
      '/pipeline/text-classification/{model}',
      '/v1/chat/completions',
      '/v1/classifications',
      '/v1/models',
      '/v1/models/{model}',
      '/health',
      '/ready',
      '/metrics',
    ]),
  )
})

it('/metrics counts requests by route, never by address', async () => {
  await post(server.url + PATH, { text: 'Good.' })
  await get(`${server.url}/a-secret-address`)
  const { body } = await get(`${server.url}/metrics`)
  expect(body).toMatch(
    /valence_http_request_duration_seconds_count\{method="POST",route="\/client\/v4\/accounts\/:account\/ai\/run\/\*",status="200"\} 1/,
  )
  expect(body).toMatch(/valence_http_request_duration_seconds_count\{method="GET",route="none",status="404"\} 1/)
  expect(body).not.toContain('secret')
})

it('/ready says yes', async () => {
  expect(await get(`${server.url}/ready`)).toMatchObject({ status: 200, body: { ready: true } })
})

it('a client that hangs up frees its places, and the others are served', async () => {
  const { port } = new URL(server.url)
  const body = JSON.stringify({ inputs: longTexts('hung up') })
  const socket = connect(Number(port), '127.0.0.1')
  socket.write(`POST ${LIST_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  await waitUntil(async () => (await waitingTexts()) > MAX_WAITING / 2)
  const refused = await post(server.url + LIST_PATH, { inputs: longTexts('refused') })
  expect(refused).toMatchObject({ status: 429, body: { error: expect.stringContaining('Rate limit reached') } })
  expect(refused.headers.get('retry-after')).toBe('1')

  socket.destroy()
  await waitUntil(async () => (await waitingTexts()) === 0)
  expect(await post(server.url + PATH, { text: 'Good.' })).toMatchObject({ status: 200 })
})

/** As many texts as may wait; together some seconds of work, so that nothing here is a race. */
function longTexts(word: string): string[] {
  return Array.from({ length: MAX_WAITING }, (_, index) => `${index} ${word} `.repeat(200))
}

async function waitingTexts(): Promise<number> {
  const { body } = await get(`${server.url}/metrics`)
  return Number(/valence_texts\{state="waiting"\} (\d+)/.exec(body as string)![1])
}

async function waitUntil(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 2))
}
