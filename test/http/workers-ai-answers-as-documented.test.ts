import { expect, it } from 'vitest'
import { post } from '../support/http.ts'
import { startTestServer } from '../support/server.ts'

const PATH = '/client/v4/accounts/a/ai/run/@cf/huggingface/distilbert-sst-2-int8'

it('in the form of 2023 where the operator asks for it: items, the best label first', async () => {
  const server = await startTestServer(['--workers-ai-items', '--workers', '1'])
  const positive = { label: 'POSITIVE', score: expect.any(Number) }
  const negative = { label: 'NEGATIVE', score: expect.any(Number) }

  expect((await post(server.url + PATH, { text: 'This pizza is great!' })).body).toEqual({
    result: { items: [positive, negative] },
    success: true,
    errors: [],
    messages: [],
  })
  expect((await post(server.url + PATH, { text: 'This film is terrible.' })).body).toMatchObject({
    result: { items: [negative, positive] },
  })
  await server.stop()
})
