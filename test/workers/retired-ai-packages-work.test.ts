import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GOOD, startOpenServer } from '../clients/support.ts'
import type { RunningServer } from '../support/server.ts'
import { HAS_WORKERD, type RunningWorker, startWorker, warnWithoutWorkerd } from './wrangler.ts'

warnWithoutWorkerd()

describe.skipIf(!HAS_WORKERD)('the documented worker of the retired @cloudflare/ai', () => {
  let server: RunningServer
  let worker: RunningWorker

  beforeAll(async () => {
    server = await startOpenServer()
    worker = await startWorker('newest', 'test/workers/worker/retired.jsonc', { VALENCE_URL: server.url })
  }, 120_000)

  afterAll(async () => {
    await worker?.stop()
    await server?.stop()
  })

  const ask = async (version: string, text: string) => {
    const response = await fetch(`${worker.url}/${version}?text=${encodeURIComponent(text)}`)
    return { status: response.status, body: await response.json() }
  }

  it.each(['1.0.53', '1.1.0', '1.2.2'])('answers through version %s, whose wire is its own', async (version) => {
    expect(await ask(version, GOOD)).toEqual({
      status: 200,
      body: [
        { label: 'NEGATIVE', score: expect.any(Number) },
        { label: 'POSITIVE', score: expect.closeTo(0.98, 1) },
      ],
    })
  })

  it.each([
    ['1.0.53', 'InferenceUpstreamError', /"internalCode":5006/],
    ['1.1.0', 'InferenceUpstreamError', /"internalCode":5006/],
    ['1.2.2', 'AiError', /^5006: Error: text must NOT have fewer than 1 characters/],
  ])('throws the error of version %s', async (version, name, message) => {
    expect(await ask(version, '')).toEqual({ status: 500, body: { name, message: expect.stringMatching(message) } })
  })
})
