import { createHash } from 'node:crypto'
import type OpenAI from 'openai'
import { toFile } from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failureOf } from '../clients/support.ts'
import { get, post } from '../support/http.ts'
import type { RunningServer } from '../support/server.ts'
import { STORE_KINDS, type StorePlace, storePlace } from '../support/stores.ts'
import { chatLine, chatLines, clientOf, endOf, MODEL, resultsIn, startBatch, startOn, upload } from './support.ts'

describe.each(STORE_KINDS)('on the %s store', { timeout: 120_000 }, (kind) => {
  let place: StorePlace
  let server: RunningServer
  let client: OpenAI

  beforeAll(async () => {
    place = await storePlace(kind)
    server = await startOn(place)
    client = clientOf(server)
  }, 120_000)

  afterAll(async () => {
    await server?.stop()
    await place?.[Symbol.asyncDispose]()
  })

  describe('files', () => {
    it('come back as they were sent, with their size and hash', async () => {
      const content = Buffer.from('{"ä": "ö"}\r\n\0\xff', 'latin1')
      const file = await client.files.create({ file: await toFile(content, 'wörter.jsonl'), purpose: 'batch' })
      expect(file).toMatchObject({
        object: 'file',
        bytes: content.length,
        filename: 'wörter.jsonl',
        purpose: 'batch',
        status: 'processed',
        sha256: createHash('sha256').update(content).digest('hex'),
      })
      expect(await client.files.retrieve(file.id)).toEqual(file)
      const answer = await client.files.content(file.id)
      expect(Buffer.from(await answer.arrayBuffer()).equals(content)).toBe(true)
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    })

    it('are listed in pages, the newest first or last', async () => {
      const ids: string[] = []
      for (let count = 0; count < 5; count += 1) ids.push((await upload(client, ['{}'])).id)
      const newest = await client.files.list({ limit: 2 })
      expect(newest.data.map(({ id }) => id)).toEqual(ids.slice(-2).toReversed())
      expect(newest.has_more).toBe(true)
      const all: string[] = []
      for await (const { id } of client.files.list({ limit: 2, order: 'asc', purpose: 'batch' })) all.push(id)
      expect(all.slice(-5)).toEqual(ids)
      expect(new Set(all).size).toBe(all.length)
    })

    it('are gone when they are deleted', async () => {
      const { id } = await upload(client, ['{}'])
      expect(await client.files.delete(id)).toEqual({ id, object: 'file', deleted: true })
      for (const call of ['retrieve', 'content', 'delete'] as const) {
        expect(await failureOf(client.files[call](id))).toMatchObject({ status: 404, type: 'not_found' })
      }
    })

    it('are kept for every purpose that the API names, and read by a batch only for its own', async () => {
      for (const purpose of ['fine-tune', 'assistants'] as const) {
        const file = await toFile(Buffer.from('{}'), 'a.jsonl')
        const { id } = await client.files.create({ file, purpose })
        expect((await client.files.list({ purpose })).data).toMatchObject([{ id, purpose }])
        const refusal = { status: 400, param: 'input_file_id' }
        const asked = { input_file_id: id, endpoint: '/v1/chat/completions', completion_window: '24h' } as const
        expect(await failureOf(client.batches.create(asked))).toMatchObject(refusal)
      }
    })

    it.each([
      ['another purpose', { purpose: 'vision' }, 'purpose'],
      ['no file', { purpose: 'batch', file: undefined }, 'file'],
      ['too short an expiry', { purpose: 'batch', 'expires_after[seconds]': '5' }, 'expires_after[seconds]'],
    ])('are refused with %s, whichever field comes first', async (_, fields, param) => {
      for (const entries of [Object.entries(fields), Object.entries(fields).toReversed()]) {
        const form = new FormData()
        const all = 'file' in fields ? entries : [['file', new File(['{}'], 'a.jsonl')] as const, ...entries]
        for (const [name, value] of all) if (value !== undefined) form.append(name, value)
        const response = await fetch(`${server.url}/v1/files`, { method: 'POST', body: form })
        expect(response.status).toBe(400)
        expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error', param } })
      }
    })

    it('are refused where the body is no form', async () => {
      expect(await post(`${server.url}/v1/files`, { purpose: 'batch' })).toMatchObject({ status: 400 })
    })
  })

  describe('a batch', () => {
    it('answers every line as its own request would be answered, good or bad', async () => {
      const lines = [
        ...chatLines(3),
        JSON.stringify({ custom_id: 'bad', method: 'POST', url: '/v1/chat/completions', body: { messages: [] } }),
      ]
      const started = await startBatch(client, lines)
      expect(started).toMatchObject({ object: 'batch', status: 'validating', completion_window: '24h', errors: null })
      const batch = await endOf(client, started.id)
      expect(batch).toMatchObject({
        status: 'completed',
        request_counts: { total: 4, completed: 3, failed: 1 },
        usage: { output_tokens: 3 },
      })

      const results = await resultsIn(client, batch.output_file_id)
      expect(results.map(({ custom_id: customId }) => customId)).toEqual(['line-0', 'line-1', 'line-2'])
      const { choices, usage } = results[0]!.response!.body as unknown as OpenAI.ChatCompletion
      const alone = await client.chat.completions.create(JSON.parse(lines[0]!).body)
      expect(choices).toEqual(alone.choices)
      expect(usage?.prompt_tokens).toBe(alone.usage?.prompt_tokens)

      const [failed, ...others] = await resultsIn(client, batch.error_file_id)
      expect(others).toEqual([])
      expect(failed).toMatchObject({ custom_id: 'bad', response: { status_code: 400 }, error: null })
      const direct = await post(`${server.url}/v1/chat/completions`, { messages: [] })
      expect(failed!.response!.body).toEqual(direct.body)

      const output = await client.files.retrieve(batch.output_file_id!)
      expect(output).toMatchObject({ purpose: 'batch_output', filename: `${batch.id}_output.jsonl` })
    })

    it('runs classifications as well', async () => {
      const line = {
        custom_id: 'a',
        method: 'POST',
        url: '/v1/classifications',
        body: { model: MODEL, input: ['x', 'y'] },
      }
      const { id } = await upload(client, [JSON.stringify(line)])
      const body = {
        input_file_id: id,
        endpoint: '/v1/classifications',
        completion_window: '24h',
        metadata: { for: 'me' },
      }
      const started = await client.batches.create(body as unknown as OpenAI.BatchCreateParams)
      const batch = await endOf(client, started.id)
      expect(batch.metadata).toEqual({ for: 'me' })
      const [result] = await resultsIn(client, batch.output_file_id)
      expect(result!.response!.body).toMatchObject({ object: 'list', data: [{ index: 0 }, { index: 1 }] })
    })

    it('fails before it begins where lines are wrong, and says which and why', async () => {
      const lines = [
        chatLine('a', 'good'),
        '{"custom_id": "b"',
        chatLine('a', 'the same name'),
        chatLine('c', 'wrong model', 'gpt-nobody-knows'),
        JSON.stringify({ custom_id: 'd', method: 'POST', url: '/v1/embeddings', body: {} }),
        '',
        JSON.stringify({ custom_id: 'e', method: 'GET', url: '/v1/chat/completions', body: {} }),
        JSON.stringify({ method: 'POST', url: '/v1/chat/completions', body: {} }),
        JSON.stringify({ custom_id: 'f', method: 'POST', url: '/v1/chat/completions', body: [] }),
      ]
      const batch = await endOf(client, (await startBatch(client, lines)).id)
      expect(batch).toMatchObject({ status: 'failed', output_file_id: null, error_file_id: null })
      expect(batch.errors!.data!.map(({ line, code, param }) => [line, code, param])).toEqual([
        [2, 'invalid_json_line', null],
        [3, 'duplicate_custom_id', 'custom_id'],
        [4, 'model_not_found', 'body.model'],
        [5, 'mismatched_url', 'url'],
        [7, 'invalid_method', 'method'],
        [8, 'missing_required_parameter', 'custom_id'],
        [9, 'invalid_body', 'body'],
      ])
      expect(batch.request_counts).toEqual({ total: 0, completed: 0, failed: 0 })
    })

    it('fails where there is nothing to do, or too much', async () => {
      const empty = await endOf(client, (await startBatch(client, ['', '  '])).id)
      expect(empty.errors!.data).toMatchObject([{ code: 'empty_file', line: null }])
      const many = await endOf(client, (await startBatch(client, chatLines(50_001))).id)
      expect(many.errors!.data).toMatchObject([{ code: 'too_many_requests', line: 50_001 }])
    })

    it('is not made of a file that is not there, or for an endpoint that is not here', async () => {
      const { id } = await upload(client, chatLines(1))
      const base = { input_file_id: id, completion_window: '24h', endpoint: '/v1/chat/completions' } as const
      const refused = async (other: object) => failureOf(client.batches.create({ ...base, ...other }))
      expect(await refused({ input_file_id: 'file-0' })).toMatchObject({ status: 404, param: 'input_file_id' })
      expect(await refused({ endpoint: '/v1/embeddings' })).toMatchObject({ status: 400, param: 'endpoint' })
      expect(await refused({ completion_window: '1h' })).toMatchObject({ status: 400, param: 'completion_window' })
      expect(await refused({ metadata: { long: 'x'.repeat(600) } })).toMatchObject({ status: 400 })
    })

    it('keeps what was done when it is cancelled, and says of every other line that it was not run', async () => {
      const lines = chatLines(3000)
      const started = await startBatch(client, lines)
      const file = started.input_file_id
      expect(await failureOf(client.files.delete(file))).toMatchObject({ status: 409 })
      const { status } = await client.batches.cancel(started.id)
      expect(status).toBe('cancelling')
      const batch = await endOf(client, started.id)
      expect(batch.status).toBe('cancelled')
      expect(batch.cancelled_at).toBeGreaterThanOrEqual(batch.cancelling_at!)
      const done = await resultsIn(client, batch.output_file_id)
      const not = await resultsIn(client, batch.error_file_id)
      expect(done).toHaveLength(batch.request_counts!.completed)
      // Cancelled before it was validated, it has no lines yet.
      if (batch.in_progress_at) {
        expect(not.every(({ error }) => error?.code === 'batch_cancelled')).toBe(true)
        const names = [...done, ...not].map((line) => line.custom_id)
        expect(names).toEqual(lines.map((line) => JSON.parse(line).custom_id))
      }
      expect(await failureOf(client.batches.cancel(started.id))).toMatchObject({ status: 409 })
      expect(await client.files.delete(file)).toMatchObject({ deleted: true })
    })

    it('is listed in pages', async () => {
      const ids: string[] = []
      for await (const { id } of client.batches.list({ limit: 2 })) ids.push(id)
      expect(ids.length).toBeGreaterThan(3)
      expect(new Set(ids).size).toBe(ids.length)
      expect(await get(`${server.url}/v1/batches?limit=0`)).toMatchObject({ status: 400 })
      expect(await get(`${server.url}/v1/batches/batch_0`)).toMatchObject({ status: 404 })
    })
  })
})
