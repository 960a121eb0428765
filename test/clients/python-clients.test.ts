import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PYTHON, runToEnd, warnWithoutPython } from '../support/python.ts'
import type { RunningServer } from '../support/server.ts'
import { KEY, SERVED_MODEL, startLockedServer, WRONG_KEY } from './support.ts'

warnWithoutPython()

describe.skipIf(PYTHON === undefined)('the Python clients', () => {
  let server: RunningServer

  beforeAll(async () => {
    server = await startLockedServer()
  })

  afterAll(async () => {
    await server?.stop()
  })

  it.each([
    ['openai classifies, streams, reads probabilities and JSON, and raises its own errors', 'openai_client.py'],
    ["aigateway-py, AIGateway's own, lists, compares, replays and makes sub-accounts", 'aigateway_client.py'],
    ['openai uploads files, and runs, lists and cancels batches', 'openai_batches.py'],
    ['cloudflare runs the model and raises its own errors', 'cloudflare_client.py'],
    ['huggingface_hub ranks the labels as told and raises its own errors', 'huggingface_client.py'],
    ['requests gets JSON, headers and statuses from all three APIs', 'requests_client.py'],
  ])('%s', async (_, script) => {
    const { code, stderr } = await runToEnd(PYTHON!, ['-B', `test/clients/python/${script}`, '-v'], {
      VALENCE_URL: server.url,
      VALENCE_KEY: KEY,
      VALENCE_WRONG_KEY: WRONG_KEY,
      VALENCE_SERVED_MODEL: SERVED_MODEL,
      HF_HUB_DISABLE_TELEMETRY: '1',
    })

    expect(code, stderr).toBe(0)
    expect(stderr).toMatch(/\nRan [1-9]\d* tests? in /)
    expect(stderr).not.toMatch(/skipped/)
  })
})
