import { afterAll, beforeAll, expect, it } from 'vitest'
import { startOpenServer } from '../clients/support.ts'
import { runToEnd } from '../support/python.ts'
import type { RunningServer } from '../support/server.ts'
import { HAS_WORKERD, warnWithoutWorkerd } from './wrangler.ts'

warnWithoutWorkerd()

let server: RunningServer
beforeAll(async () => {
  server = await startOpenServer()
})
afterAll(() => server?.stop())

/** Both know chat, embeddings and the like; neither has a call for classification. What they send gets there, and back. */
it.skipIf(!HAS_WORKERD)(
  'workers-ai-provider and @langchain/cloudflare reach the server and raise its refusal',
  async () => {
    const { code, stdout, stderr } = await runToEnd(process.execPath, [
      'test/workers/generation-packages.mjs',
      server.url,
    ])

    expect(code, stderr).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      provider: {
        name: 'AI_APICallError',
        message: expect.stringContaining(
          `"AiError: Bad input: Error: required properties at '/' are 'text'","code":5006`,
        ),
        statusCode: 400,
        isRetryable: false,
      },
      langchainChat: { name: 'Error', message: 'Cloudflare LLM call failed with status code 400' },
      langchain: { name: 'Error', message: 'Cloudflare LLM call failed with status code 400' },
    })
  },
  60_000,
)
