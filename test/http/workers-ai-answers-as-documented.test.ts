import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

it('with the neurons and the dollars of the published rates', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'valence-prices-'))
  const prices = join(folder, 'prices.json')
  writeFileSync(prices, '{"@cf/huggingface/distilbert-sst-2-int8": {"per_million_tokens_usd": 0.026}}')
  const server = await startTestServer(['--prices', prices, '--workers', '1'])
  // 300 words of a token each, and the two that every text has.
  const { status, headers, body } = await post(server.url + PATH, { text: 'word '.repeat(300) })
  await server.stop()
  rmSync(folder, { recursive: true })

  expect(status, JSON.stringify(body)).toBe(200)
  expect(Number(headers.get('cf-ai-neurons'))).toBeCloseTo((302 * 2394) / 1e6, 6)
  // 302 tokens at 0.026 micro-dollars, up to the next whole micro-dollar.
  expect(Number(headers.get('x-cost-cents'))).toBeCloseTo(8 / 10_000, 9)
})
