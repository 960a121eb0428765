import { afterAll, beforeAll, expect, it } from 'vitest'
import { post } from '../support/http.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'

const MODEL = 'valence/minilm-sst-2-int8'
const BODY = {
  model: MODEL,
  max_tokens: 16,
  system: 'You are a classifier.',
  messages: [
    { role: 'user', content: 'Terrible.' },
    { role: 'assistant', content: 'NEGATIVE' },
    { role: 'user', content: [{ type: 'text', text: 'What a wonderful day.' }] },
  ],
}

let server: RunningServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.stop())

const send = (body: object) => post(`${server.url}/v1/messages`, body)

it('the last user message is answered with its label, and counted as /count_tokens counts', async () => {
  const { status, body } = await send(BODY)
  expect(status).toBe(200)
  expect(body).toMatchObject({
    type: 'message',
    role: 'assistant',
    model: MODEL,
    content: [{ type: 'text', text: 'POSITIVE' }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 7, output_tokens: 1 },
  })
  const count = await post(`${server.url}/v1/messages/count_tokens`, BODY)
  expect(count).toMatchObject({ status: 200, body: { input_tokens: 7 } })
})

it('a stream has the events of the API, in their order', async () => {
  const { headers, body } = await send({ ...BODY, stream: true })
  expect(headers.get('content-type')).toContain('text/event-stream')
  const events = (body as string)
    .trim()
    .split('\n\n')
    .map((event) => event.split('\n'))
  expect(events.map(([name]) => name)).toEqual(
    [
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ].map((name) => `event: ${name}`),
  )
  const parsed = events.map(([, data]) => JSON.parse(data!.slice('data: '.length)))
  expect(parsed[2]).toMatchObject({ delta: { type: 'text_delta', text: 'POSITIVE' } })
  expect(parsed[4]).toMatchObject({ delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 1 } })
})

it.each([
  [{ ...BODY, max_tokens: undefined }, 400, 'max_tokens'],
  [{ ...BODY, tools: [{ name: 'x' }] }, 400, 'tools'],
  [{ ...BODY, messages: [{ role: 'user', content: [{ type: 'image', source: {} }] }] }, 400, 'messages[0].content[0]'],
  [{ ...BODY, model: 'claude-opus-4.7' }, 404, 'model'],
])('what no classifier can do is refused: %#', async (body, status, param) => {
  expect(await send(body)).toMatchObject({ status, body: { error: { param } } })
})
