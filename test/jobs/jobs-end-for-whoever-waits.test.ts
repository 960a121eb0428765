import { describe, expect, it } from 'vitest'
import { get, post } from '../support/http.ts'
import { STORE_KINDS } from '../support/stores.ts'
import { MODEL, serverAround, until } from './support.ts'

type Job = {
  id: string
  status: string
  error: { code: string } | null
  result_url: string | null
  progress: number
  request_counts: { total: number; completed: number; failed: number }
}

describe.each(STORE_KINDS)('a job on the %s store', { timeout: 120_000 }, (kind) => {
  const around = serverAround(kind)

  const start = async (body: object) =>
    post(`${around.server.url}/v1/classifications`, { model: MODEL, async: true, ...body })
  const look = async (id: string) => (await get(`${around.server.url}/v1/jobs/${id}`)).body as Job
  /** As AIGateway's own clients wait: for these two and no others. */
  const wait = (id: string) =>
    until(
      () => look(id),
      ({ status }) => ['completed', 'failed'].includes(status),
    )
  const texts = Array.from({ length: 100 }, (_, index) => `Text ${index}, and a good one.`)

  it('classifies every text, in order', async () => {
    const { status, body } = await start({ input: texts })
    expect(status).toBe(202)
    expect(body).toMatchObject({ object: 'job', status: 'queued', progress: 0, result: null })
    const job = await wait((body as Job).id)
    expect(job).toMatchObject({ status: 'completed', progress: 1, error: null, request_counts: { completed: 100 } })
    const lines = (await get(around.server.url + job.result_url!)).body as string
    const results = lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { index: number; label: string })
    expect(results.map(({ index }) => index)).toEqual(texts.map((_, index) => index))
    const direct = await post(`${around.server.url}/v1/classifications`, { model: MODEL, input: texts[7] })
    expect(results[7]).toEqual({ ...(direct.body as { data: object[] }).data[0], index: 7 })
  })

  it.each([
    ['DELETE', ''],
    ['POST', '/cancel'],
  ])('that is cancelled by %s%s has failed, and says that it was cancelled', async (method, path) => {
    const { body } = await start({ input: Array.from({ length: 3000 }, (_, index) => `Text ${index}`) })
    const { id } = body as Job
    const response = await fetch(`${around.server.url}/v1/jobs/${id}${path}`, { method })
    expect(await response.json()).toMatchObject({ id, status: 'failed', error: { code: 'cancelled' } })
    const job = await wait(id)
    expect(job).toMatchObject({ status: 'failed', error: { code: 'cancelled' } })
    const again = await fetch(`${around.server.url}/v1/jobs/${id}${path}`, { method })
    expect(await again.json()).toMatchObject({ id, status: 'failed' })
  })

  it('gives links that need no key, for the time that was asked for', async () => {
    const job = await wait(((await start({ input: 'good' })).body as Job).id)
    const path = `${around.server.url}${job.result_url}`
    const signed = await get(`${path}/signed?expires_in=60`)
    const { url, expires_at: expiresAt } = signed.body as { url: string; expires_at: number }
    expect(expiresAt - Date.now() / 1000).toBeLessThanOrEqual(60)
    expect((await get(url)).body).toBe((await get(path)).body)

    for (const expiresIn of ['59', '604801', '-1', 'x', '']) {
      expect((await get(`${path}/signed?expires_in=${expiresIn}`)).status).toBe(400)
    }
    const changed = (name: string, value: string) => {
      const other = new URL(url)
      other.searchParams.set(name, value)
      return other.href
    }
    const forged = [
      changed('token', 'x'),
      changed('token', ''),
      changed('exp', String(expiresAt + 1)),
      changed('k', 'acct_other'),
      url.replace(job.id, 'job_other'),
      url.replace('results.jsonl', 'other.jsonl'),
    ]
    for (const link of forged) expect((await get(link)).status).toBe(400)
  })

  it('is refused where its model is unknown, or there are too many texts', async () => {
    expect(await start({ input: 'x', model: 'nobody-knows' })).toMatchObject({ status: 404 })
    const most = Array.from({ length: 50_001 }, () => 'x')
    expect(await start({ input: most })).toMatchObject({ status: 400, body: { error: { param: 'input' } } })
    expect(await get(`${around.server.url}/v1/jobs/job_0`)).toMatchObject({ status: 404 })
  })

  it('lists none of its files among the account’s', async () => {
    const list = await get(`${around.server.url}/v1/files`)
    expect((list.body as { data: unknown[] }).data).toEqual([])
  })
})
