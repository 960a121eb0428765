import { rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { get, post } from '../support/http.ts'
import { folderWithRandomDistilbert } from '../support/local-model.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'

const DISTILBERT = [
  'huggingface/distilbert-sst-2-int8',
  '@cf/huggingface/distilbert-sst-2-int8',
  'distilbert/distilbert-base-uncased-finetuned-sst-2-english',
  'distilbert-base-uncased-finetuned-sst-2-english',
  'Xenova/distilbert-base-uncased-finetuned-sst-2-english',
]
const EMBEDDED = 'valence/minilm-sst-2-int8'

let server: RunningServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.stop())

it.each(DISTILBERT)('%s is answered by the embedded model, and every dialect says so', async (name) => {
  for (const reply of await inEveryDialect(server.url, name)) {
    expect(reply.status).toBe(200)
    expect(reply.headers.get('x-valence-served-model')).toBe(EMBEDDED)
  }
})

it('the embedded model answers for itself without the header', async () => {
  for (const reply of await inEveryDialect(server.url, EMBEDDED)) {
    expect(reply.status).toBe(200)
    expect(reply.headers.has('x-valence-served-model')).toBe(false)
  }
})

it('the substitution is told at start-up, by /health and by /v1/models', async () => {
  expect(server.output()).toMatch(
    /warning: huggingface\/distilbert-sst-2-int8: .*valence\/minilm-sst-2-int8 answers in its place/,
  )
  expect((await get(`${server.url}/health`)).body).toMatchObject({
    status: 'ok',
    models: [
      { id: DISTILBERT[0], status: 'substituted', served_by: EMBEDDED, reason: expect.any(String) },
      { id: EMBEDDED, status: 'ready', served_by: EMBEDDED, reason: null },
    ],
  })
  expect((await get(`${server.url}/v1/models`)).body).toMatchObject({
    data: [
      { id: DISTILBERT[0], status: 'substituted', served_by: EMBEDDED },
      { id: EMBEDDED, status: 'ready' },
    ],
  })
})

it('weights in a local folder answer for themselves, without a warning', async () => {
  const models = folderWithRandomDistilbert()
  const local = await startTestServer(['--models-dir', models])
  const replies = (await Promise.all(DISTILBERT.map((name) => inEveryDialect(local.url, name)))).flat()
  for (const reply of replies) {
    expect(reply.status).toBe(200)
    expect(reply.headers.has('x-valence-served-model')).toBe(false)
  }
  expect(local.output()).not.toContain('warning')
  expect((await get(`${local.url}/health`)).body).toMatchObject({
    models: [{ status: 'ready', served_by: DISTILBERT[0] }, {}],
  })
  // Its config has no names for its labels, so they are the catalog's.
  const [workersAi] = await inEveryDialect(local.url, DISTILBERT[0]!)
  expect(workersAi!.body).toMatchObject({ result: [{ label: 'NEGATIVE' }, { label: 'POSITIVE' }] })
  await local.stop()
  rmSync(models, { recursive: true })
})

it('a text that is cut is said to be', async () => {
  const url = `${server.url}/models/${EMBEDDED}`
  const whole = await post(url, { inputs: 'good '.repeat(510) })
  const cut = await post(url, { inputs: 'good '.repeat(511) })
  expect(whole.headers.has('x-valence-truncated')).toBe(false)
  expect(cut.headers.get('x-valence-truncated')).toBe('true')
})

it('a request id is echoed, or made', async () => {
  const reply = await get(`${server.url}/health`, { 'x-request-id': 'abc-123' })
  expect(reply.headers.get('x-request-id')).toBe('abc-123')
  expect((await get(`${server.url}/health`)).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
})

async function inEveryDialect(url: string, name: string) {
  return [
    await post(`${url}/client/v4/accounts/a/ai/run/${name}`, { text: 'Good.' }),
    await post(`${url}/client/v4/accounts/a/ai/run/${encodeURIComponent(name)}`, { text: 'Good.' }),
    await post(`${url}/models/${name}`, { inputs: 'Good.' }),
    await post(`${url}/hf-inference/models/${name}/pipeline/text-classification`, { inputs: ['Good.'] }),
    await post(`${url}/pipeline/text-classification/${encodeURIComponent(name)}`, { inputs: { text: 'Good.' } }),
    await post(`${url}/v1/chat/completions`, { model: name, messages: [{ role: 'user', content: 'Good.' }] }),
    await post(`${url}/v1/classifications`, { model: name, input: ['Good.', 'Bad.'] }),
  ]
}
