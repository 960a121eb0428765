import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DOCUMENT, differences, operationsOf } from '../support/openapi-document.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'
import { STORE_KINDS, type StorePlace, storePlace } from '../support/stores.ts'

const KEY = 'the-key-of-the-operator'
const MODEL = 'huggingface/distilbert-sst-2-int8'
const CHAT = { model: MODEL, messages: [{ role: 'user', content: 'What a wonderful day.' }] }

/** About pictures, sounds and the like, or what no classifier of texts can do. They are refused in the API's shape. */
const NOT_CLASSIFICATION = [
  'POST /v1/embeddings',
  'POST /v1/images/generations',
  'POST /v1/images/edits',
  'POST /v1/audio/transcriptions',
  'GET /v1/realtime',
  'POST /v1/audio/speech',
  'POST /v1/videos/generations',
  'POST /v1/audio/music',
  'POST /v1/3d/generations',
  'POST /v1/translations',
  'POST /v1/detections',
  'POST /v1/ocr',
  'POST /v1/rerank',
]

/** What is sent to each of the others; `{…}` is an id that an earlier answer gave, under the name behind the colon. */
type Exercise = { operation: string; path?: string; body?: unknown; headers?: Record<string, string>; gives?: string }

const EXERCISES: Exercise[] = [
  {
    operation: 'POST /v1/chat/completions',
    body: CHAT,
    headers: { 'x-request-id': 'contract', 'x-aig-store': 'true', 'x-aig-tag': 'contract' },
  },
  { operation: 'POST /v1/classifications', body: { model: MODEL, input: ['Good.', 'Bad.'] } },
  {
    operation: 'POST /v1/messages',
    body: { model: MODEL, max_tokens: 8, messages: [{ role: 'user', content: [{ type: 'text', text: 'Good.' }] }] },
  },
  { operation: 'POST /v1/messages/count_tokens', body: CHAT },
  { operation: 'GET /v1/models', path: '/v1/models?modality=text&provider=huggingface' },
  { operation: 'GET /v1/models/{id}', path: `/v1/models/${encodeURIComponent(MODEL)}` },
  { operation: 'GET /v1/models/{id}/schema', path: `/v1/models/${MODEL}/schema` },
  { operation: 'GET /v1/capabilities' },
  { operation: 'GET /v1/health/providers' },
  { operation: 'POST /v1/sub-accounts', body: { name: 'a customer', spend_cap_cents: 100 }, gives: 'sub' },
  { operation: 'GET /v1/sub-accounts' },
  { operation: 'GET /v1/sub-accounts/{id}', path: '/v1/sub-accounts/{sub}' },
  { operation: 'DELETE /v1/sub-accounts/{id}', path: '/v1/sub-accounts/{sub}' },
  { operation: 'POST /v1/replays', body: { source_request_id: 'contract', target_model: MODEL }, gives: 'replay' },
  { operation: 'GET /v1/replays', path: '/v1/replays?limit=10' },
  { operation: 'GET /v1/replays/{id}', path: '/v1/replays/{replay}' },
  {
    operation: 'POST /v1/evals',
    body: { name: 'a', candidate_models: [MODEL], dataset: [{ input: 'Good.', expected: 'positive' }] },
    gives: 'eval',
  },
  { operation: 'GET /v1/evals' },
  { operation: 'GET /v1/evals/{id}', path: '/v1/evals/{eval}' },
  { operation: 'GET /v1/usage/by-tag' },
  { operation: 'GET /v1/usage/by-sub-account' },
  { operation: 'GET /v1/balance' },
  { operation: 'DELETE /v1/cache' },
  {
    operation: 'POST /v1/files',
    body: batchFile({ custom_id: '1', method: 'POST', url: '/v1/chat/completions', body: CHAT }),
    gives: 'file',
  },
  { operation: 'GET /v1/files', path: '/v1/files?limit=10' },
  { operation: 'GET /v1/files/{id}', path: '/v1/files/{file}' },
  { operation: 'GET /v1/files/{id}/content', path: '/v1/files/{file}/content' },
  {
    operation: 'POST /v1/batches',
    body: { input_file_id: '{file}', endpoint: '/v1/chat/completions' },
    gives: 'batch',
  },
  { operation: 'GET /v1/batches', path: '/v1/batches?limit=10' },
  { operation: 'GET /v1/batches/{id}', path: '/v1/batches/{batch}' },
  // One that no batch reads any more.
  { operation: 'POST /v1/files', body: batchFile({ custom_id: '2' }), gives: 'spare' },
  { operation: 'DELETE /v1/files/{id}', path: '/v1/files/{spare}' },
  { operation: 'GET /v1/jobs/{id}', path: '/v1/jobs/job_none' },
  { operation: 'GET /v1/files/jobs/{jobId}/{filename}', path: '/v1/files/jobs/job_none/results.json' },
  { operation: 'GET /v1/webhook-secret' },
  { operation: 'POST /v1/webhook-secret/rotate' },
  {
    operation: 'POST /mcp',
    body: { jsonrpc: '2.0', id: 1, method: 'tools/list' },
    headers: { accept: 'application/json, text/event-stream' },
  },
  { operation: 'GET /mcp/inspect' },
]

/** Tested where more can be said of them: by clients that hold a stream open, on jobs that have ended, with a model for it. */
const ELSEWHERE = [
  'GET /mcp/sse',
  'DELETE /v1/jobs/{id}',
  'POST /v1/batches/{id}/cancel',
  'GET /v1/files/jobs/{jobId}/{filename}/signed',
  'GET /v1/files/jobs/{jobId}/{filename}/public',
  'POST /v1/moderations',
]

if (DOCUMENT === undefined) console.warn('Skipped the tests of AIGateway’s OpenAPI document, which is not beside us.')

describe.skipIf(DOCUMENT === undefined).each(STORE_KINDS)('on the %s store', (kind) => {
  let place: StorePlace
  let server: RunningServer
  const ids = new Map<string, string>()

  beforeAll(async () => {
    place = await storePlace(kind)
    server = await startTestServer([], { ...place.env, VALENCE_API_KEYS: KEY })
  })
  afterAll(async () => {
    await server?.stop()
    await place?.[Symbol.asyncDispose]()
  })

  const fillIn = (text: string) => text.replaceAll(/\{(\w+)\}/g, (whole, name) => ids.get(name) ?? whole)

  async function send({ operation, path, body, headers }: Exercise) {
    const [method, template] = operation.split(' ') as [string, string]
    const form = body instanceof FormData ? body : undefined
    const response = await fetch(server.url + fillIn(path ?? template), {
      method,
      headers: {
        authorization: `Bearer ${KEY}`,
        ...(form === undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: form ?? fillIn(JSON.stringify(body)) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
    return { status: response.status, body: isJson ? JSON.parse(text) : text }
  }

  it('every operation of the document is one of the three kinds', () => {
    const known = [...NOT_CLASSIFICATION, ...ELSEWHERE, ...EXERCISES.map(({ operation }) => operation)]
    expect(operationsOf(DOCUMENT!).toSorted()).toEqual([...new Set(known)].toSorted())
  })

  it.each(EXERCISES)('$operation answers as it says', async (exercise) => {
    const { status, body } = await send(exercise)
    expect(differences(DOCUMENT!, exercise.operation, status, body)).toEqual([])
    if (!exercise.path?.includes('_none')) expect(status).toBeLessThan(300)
    if (exercise.gives !== undefined) ids.set(exercise.gives, (body as { id: string }).id)
  })

  it.each(NOT_CLASSIFICATION)('%s is refused in the shape of the document', async (operation) => {
    const { status, body } = await send({ operation, ...(operation.startsWith('POST') && { body: { input: 'x' } }) })
    expect(status).toBe(404)
    expect(differences(DOCUMENT!, 'POST /v1/chat/completions', 400, body)).toEqual([])
  })
})

function batchFile(line: object): FormData {
  const form = new FormData()
  form.set('purpose', 'batch')
  form.set('file', new Blob([`${JSON.stringify(line)}\n`], { type: 'application/jsonl' }), 'lines.jsonl')
  return form
}
