import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRateLimiter } from '../../src/gateway/limits.ts'
import { count, emptyWindow, judge } from '../../src/gateway/rate-window.ts'
import { addAccount, clientOf, startKeyedServer } from '../support/accounts.ts'
import { startTestServer } from '../support/server.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'

const WINDOW_MS = 60_000

it('no 60 s hold more than twice the limit, nor more than the limit outside of a burst', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 12 }), (gapsMs, limit) => {
      const window = emptyWindow()
      const admitted: number[] = []
      const bursts: number[] = []
      let nowMs = 1_000_000
      for (const gapMs of gapsMs) {
        nowMs += gapMs
        const verdict = judge(window, limit, nowMs)
        if (!verdict.admitted) {
          expect(verdict.retryAfterSeconds).toBeGreaterThanOrEqual(1)
          expect(verdict.retryAfterSeconds).toBeLessThanOrEqual(60)
          continue
        }
        count(window, limit, nowMs)
        admitted.push(nowMs)
        const last = admitted.filter((at) => at > nowMs - WINDOW_MS)
        expect(last.length).toBeLessThanOrEqual(2 * limit)
        if (last.length > limit) bursts.push(nowMs)
        expect(window.buckets.length).toBeLessThanOrEqual(61)
      }
      // What went over the limit came within ten seconds of a beginning, and beginnings lie two minutes apart.
      let began = Number.NEGATIVE_INFINITY
      for (const at of bursts) {
        if (at - began < 10_000) continue
        expect(at - began).toBeGreaterThanOrEqual(120_000 - 1000)
        began = at
      }
    }),
  )
})

it('says when to come back, and is then true to its word', () => {
  const window = emptyWindow()
  let nowMs = 5_000_000
  for (let index = 0; index < 6; index++) {
    expect(judge(window, 3, nowMs).admitted).toBe(true)
    count(window, 3, nowMs)
    nowMs += 100
  }
  const { admitted, retryAfterSeconds, remaining } = judge(window, 3, nowMs)
  expect({ admitted, remaining }).toEqual({ admitted: false, remaining: 0 })
  expect(judge(window, 3, nowMs + (retryAfterSeconds - 2) * 1000).admitted).toBe(false)
  expect(judge(window, 3, nowMs + (retryAfterSeconds + 1) * 1000).admitted).toBe(true)
})

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it('admits exactly twice the limit of a burst, however many are sent at once and by how many processes', async () => {
    await using place = await storePlace(kind)
    const store = await place.open()
    const limiters = Array.from({ length: kind === 'postgres' ? 3 : 1 }, () =>
      createRateLimiter(Promise.resolve({ store })),
    )
    const limits = [
      { subject: 'key_a', requestsPerMinute: 40 },
      { subject: 'acct_a', requestsPerMinute: 100 },
    ]
    const verdicts = await Promise.all(
      Array.from({ length: 500 }, async (_, index) => limiters[index % limiters.length]!(limits)),
    )
    expect(verdicts.filter(({ admitted }) => admitted)).toHaveLength(80)
    // What one limit refuses counts against none.
    const others = await Promise.all(
      Array.from({ length: 500 }, async (_, index) =>
        limiters[index % limiters.length]!([{ subject: 'acct_a', requestsPerMinute: 100 }]),
      ),
    )
    expect(others.filter(({ admitted }) => admitted)).toHaveLength(120)
  })

  it('tells every client what is left, and when to come back', async () => {
    await using place = await storePlace(kind)
    const server = await startKeyedServer(place, ['--workers-ai-requests-per-minute', '2'])
    const servers = kind === 'postgres' ? [server, await startTestServer(['--require-keys'], place.env)] : [server]
    const { id, key } = await addAccount(server)
    const owner = clientOf(server, key)
    const sub = (await owner.post('/v1/sub-accounts', { name: 'a', rate_limit_rpm: 3 })).body as { key: string }
    const answers = []
    for (let index = 0; index < 8; index++) {
      answers.push(await clientOf(servers[index % servers.length]!, sub.key).classify(`text ${index}`))
    }
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200, 429, 429])
    expect(answers.map(({ headers }) => headers.get('x-ratelimit-remaining-requests'))).toEqual([
      '2',
      '1',
      '0',
      '0',
      '0',
      '0',
      '0',
      '0',
    ])
    const refused = answers.at(-1)!
    expect(refused.headers.get('x-ratelimit-limit-requests')).toBe('3')
    expect(Number(refused.headers.get('x-ratelimit-reset-requests'))).toBeGreaterThan(40)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(40)
    expect(refused.body).toMatchObject({ error: { type: 'rate_limit_error', code: 429 } })
    // A request that is refused for its body counts, and says so.
    const bad = await clientOf(server, sub.key).post('/v1/classifications', { input: [] })
    expect(bad.headers.get('x-ratelimit-limit-requests')).toBe('3')

    // A call by way of MCP is a call.
    const call = {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'classify', arguments: { input: 'a' } },
    }
    const types = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' }
    expect((await clientOf(server, sub.key).post('/mcp', call, types)).body).toMatchObject({
      result: { isError: true, content: [{ text: expect.stringContaining('requests a minute') }] },
    })

    // No limit, no headers; and what manages accounts is not counted.
    expect((await owner.classify()).headers.get('x-ratelimit-limit-requests')).toBeNull()
    expect((await owner.get('/v1/balance')).headers.get('x-ratelimit-limit-requests')).toBeNull()

    const path = '/client/v4/accounts/a/ai/run/@cf/huggingface/distilbert-sst-2-int8'
    const cloudflare = []
    for (let index = 0; index < 5; index++) cloudflare.push(await owner.post(path, { text: `text ${index}` }))
    expect(cloudflare.map(({ status }) => status)).toEqual([200, 200, 200, 200, 429])
    expect(cloudflare.at(-1)).toMatchObject({ body: { errors: [{ code: 3021 }] } })
    expect(cloudflare.at(-1)!.headers.get('retry-after')).toMatch(/^\d+$/)
    // The account as a whole is bound as well, by whichever of its keys it calls.
    await clientOf(server, server.adminKey).patch(`/v1/accounts/${id}`, { rate_limit_rpm: 1 })
    const another = (await owner.post('/v1/sub-accounts', { name: 'b' })).body as { key: string }
    const bound = []
    for (let index = 0; index < 3; index++) bound.push(await clientOf(server, another.key).classify(`other ${index}`))
    expect(bound.map(({ status }) => status)).toEqual([200, 200, 429])
    for (const each of servers) await each.stop()
  })
})
