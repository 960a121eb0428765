import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addAccount, type KeyedServer, clientOf as requestsWith, startKeyedServer } from '../support/accounts.ts'
import { STORE_KINDS, type StorePlace, storePlace } from '../support/stores.ts'
import { chatLines, clientOf, endOf, startBatch, until, upload } from './support.ts'

describe.each(STORE_KINDS)('on the %s store', { timeout: 120_000 }, (kind) => {
  let place: StorePlace
  let server: KeyedServer
  let owner: ReturnType<typeof requestsWith>
  let stranger: ReturnType<typeof requestsWith>
  let ids: Record<'file' | 'output' | 'batch' | 'job' | 'webhook' | 'delivery', string>

  beforeAll(async () => {
    place = await storePlace(kind)
    server = await startKeyedServer(place, ['--workers', '1', '--allow-private-webhooks'])
    const [one, other] = [await addAccount(server), await addAccount(server)]
    owner = requestsWith(server, one.key)
    stranger = requestsWith(server, other.key)
    const client = clientOf(server, one.key)
    const webhook = await owner.post('/v1/webhooks', { url: 'http://127.0.0.1:9/' })
    const batch = await endOf(client, (await startBatch(client, chatLines(2))).id)
    const job = await owner.post('/v1/classifications', { input: 'good', async: true })
    const jobId = (job.body as { id: string }).id
    await until(
      () => owner.get(`/v1/jobs/${jobId}`),
      ({ body }) => (body as { status: string }).status === 'completed',
    )
    const deliveries = await until(
      () => owner.get('/v1/webhooks/deliveries'),
      ({ body }) => (body as { data: unknown[] }).data.length > 0,
    )
    ids = {
      file: (await upload(client, chatLines(1))).id,
      output: batch.output_file_id!,
      batch: batch.id,
      job: jobId,
      webhook: (webhook.body as { id: string }).id,
      delivery: (deliveries.body as { data: { id: string }[] }).data[0]!.id,
    }
  }, 120_000)

  afterAll(async () => {
    await server?.stop()
    await place?.[Symbol.asyncDispose]()
  }, 120_000)

  /** Every route that takes an id. */
  const ROUTES: [method: 'get' | 'post' | 'delete', path: (id: string) => string, kind: keyof typeof ids][] = [
    ['get', (id) => `/v1/files/${id}`, 'file'],
    ['get', (id) => `/v1/files/${id}/content`, 'file'],
    ['get', (id) => `/v1/files/${id}/content`, 'output'],
    ['delete', (id) => `/v1/files/${id}`, 'file'],
    ['get', (id) => `/v1/batches/${id}`, 'batch'],
    ['post', (id) => `/v1/batches/${id}/cancel`, 'batch'],
    ['get', (id) => `/v1/jobs/${id}`, 'job'],
    ['delete', (id) => `/v1/jobs/${id}`, 'job'],
    ['post', (id) => `/v1/jobs/${id}/cancel`, 'job'],
    ['get', (id) => `/v1/files/jobs/${id}/results.jsonl`, 'job'],
    ['get', (id) => `/v1/files/jobs/${id}/results.jsonl/signed`, 'job'],
    ['get', (id) => `/v1/webhooks/${id}`, 'webhook'],
    ['delete', (id) => `/v1/webhooks/${id}`, 'webhook'],
    ['get', (id) => `/v1/webhooks/deliveries/${id}`, 'delivery'],
    ['post', (id) => `/v1/webhooks/deliveries/${id}/replay`, 'delivery'],
  ]

  it('another account’s objects are answered as those that never were', async () => {
    for (const [method, path] of ROUTES) {
      for (const id of Object.values(ids)) {
        const theirs = await stranger[method](path(id))
        const nobodys = await stranger[method](path(id.replace(/.{8}$/, '00000000')))
        expect(theirs.status, path(id)).toBe(404)
        expect(theirs.body).toMatchObject({ error: { type: 'not_found' } })
        expect(nobodys.status).toBe(404)
      }
    }
  })

  it('ids of one kind open nothing of another', async () => {
    for (const [method, path, kindOf] of ROUTES) {
      const others = Object.entries(ids).filter(
        ([other]) => other !== kindOf && !(kindOf === 'file' && other === 'output'),
      )
      for (const [other, id] of others) {
        if (method === 'get' && kindOf === 'output' && other === 'file') continue
        expect((await owner[method](path(id))).status, `${method} ${path(id)}`).toBe(404)
      }
    }
  })

  it('another account’s file is no batch’s input', async () => {
    const answer = await stranger.post('/v1/batches', { input_file_id: ids.file, completion_window: '24h' })
    expect(answer).toMatchObject({ status: 404, body: { error: { param: 'input_file_id' } } })
  })

  it('nor do its queued texts by Workers AI, whose ids stand in bodies', async () => {
    const run = '/client/v4/accounts/a/ai/run/@cf/huggingface/distilbert-sst-2-int8'
    for (const id of Object.values(ids)) {
      expect(await stranger.post(run, { request_id: id }), id).toMatchObject({
        status: 404,
        body: { errors: [{ code: 7003 }] },
      })
    }
    expect(await owner.post(run, { request_id: ids.job })).toMatchObject({
      status: 200,
      body: { result: { responses: [{ id: 0, success: true }] } },
    })
  })

  it('lists hold the account’s own alone', async () => {
    for (const path of ['/v1/files', '/v1/batches', '/v1/webhooks', '/v1/webhooks/deliveries']) {
      expect(await stranger.get(path), path).toMatchObject({ status: 200, body: { data: [], has_more: false } })
      expect((await owner.get(path)).body, path).not.toMatchObject({ data: [] })
      for (const id of Object.values(ids)) {
        expect(await stranger.get(`${path}?after=${id}`)).toMatchObject({ status: 200, body: { data: [] } })
      }
    }
  })

  it('each account has a secret of its own', async () => {
    const secrets = await Promise.all([owner, stranger].map((each) => each.get('/v1/webhook-secret')))
    expect(secrets[0]!.body).not.toEqual(secrets[1]!.body)
  })

  it('nothing is answered without a key but a signed link', async () => {
    for (const [method, path] of ROUTES) {
      const response = await fetch(server.url + path(ids.job), { method: method.toUpperCase() })
      expect(response.status).toBe(401)
    }
    const { body } = await owner.get(`/v1/files/jobs/${ids.job}/results.jsonl/signed`)
    expect((await fetch((body as { url: string }).url)).status).toBe(200)
  })

  it('the owner still has everything', async () => {
    for (const [method, path, kindOf] of ROUTES) {
      if (method === 'get') expect((await owner.get(path(ids[kindOf]))).status, path(ids[kindOf])).toBe(200)
    }
  })
})
