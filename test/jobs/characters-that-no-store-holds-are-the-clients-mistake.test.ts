import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningServer } from '../support/server.ts'
import { STORE_KINDS, type StorePlace, storePlace } from '../support/stores.ts'
import { chatLine, clientOf, MODEL, startOn, upload } from './support.ts'

const NUL = '\u0000'
const HALF_A_PAIR = '\ud800'
const AN_ADDRESS = 'http://127.0.0.1:9/'

describe.each(STORE_KINDS)('on the %s store', { timeout: 120_000 }, (kind) => {
  let place: StorePlace
  let server: RunningServer
  let fileId: string

  beforeAll(async () => {
    place = await storePlace(kind)
    server = await startOn(place)
    fileId = (await upload(clientOf(server), [chatLine('a', 'good')])).id
  }, 120_000)

  afterAll(async () => {
    await server?.stop()
    await place?.[Symbol.asyncDispose]()
  })

  async function refused(method: string, path: string, body?: object): Promise<void> {
    const sent = body && { body: JSON.stringify(body) }
    const response = await fetch(server.url + path, { method, ...sent })
    const answer = await response.text()
    expect(response.status, `${method} ${path}: ${answer}`).toBe(400)
    expect(JSON.parse(answer)).toMatchObject({ error: { type: 'invalid_request_error' } })
  }

  it.each([
    'GET /v1/files/%00',
    'GET /v1/files/%00/content',
    'DELETE /v1/files/%00',
    'GET /v1/files?after=%00',
    'GET /v1/files?purpose=%00',
    'GET /v1/batches/%00',
    'GET /v1/batches?after=%00',
    'POST /v1/batches/%00/cancel',
    'GET /v1/jobs/%00',
    'DELETE /v1/jobs/%00',
    'GET /v1/files/jobs/%00/results.jsonl',
    'GET /v1/evals/%00',
    'GET /v1/replays/%00',
    'GET /v1/webhooks/%00',
    'DELETE /v1/webhooks/%00',
    'GET /v1/webhooks/deliveries/%00',
    'POST /v1/webhooks/deliveries/%00/replay',
  ])('%s', async (request) => {
    const [method, path] = request.split(' ') as [string, string]
    await refused(method, path)
  })

  it('in what is to be kept', async () => {
    await refused('POST', '/v1/batches', { input_file_id: NUL })
    for (const metadata of [{ a: NUL }, { a: HALF_A_PAIR }])
      await refused('POST', '/v1/batches', { input_file_id: fileId, metadata })
    await refused('POST', '/v1/batches', { input_file_id: fileId, webhook_url: AN_ADDRESS + NUL })
    await refused('POST', '/v1/webhooks', { url: AN_ADDRESS + NUL })
    await refused('POST', '/v1/webhooks', { url: AN_ADDRESS, events: [NUL] })
    await refused('POST', '/v1/evals', { name: NUL, candidate_models: [MODEL], dataset: [{ input: 'good' }] })
    await refused('POST', '/v1/replays', { source_request_id: NUL, target_model: MODEL })
    await refused('POST', '/v1/classifications', { model: `eval:${NUL}`, input: 'good' })
    await refused('POST', '/v1/classifications', { model: MODEL, input: 'good', webhook_url: AN_ADDRESS + NUL })
  })

  it('is no fault of the server', async () => {
    await server.stop()
    expect(server.output()).not.toContain('"level":50')
  })
})
