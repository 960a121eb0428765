import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { post } from '../support/http.ts'
import { nameLabels, putModel } from '../support/hub-models.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'

const MODEL = 'lab/toxicity'

let folder: string
let server: RunningServer
let client: OpenAI
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'valence-moderation-'))
  putModel(folder, MODEL, 'roberta-multi-label')
  nameLabels(folder, MODEL, ['toxic', 'threat', 'Identity Hate', 'fine', 'other'])
  server = await startTestServer(['--models-dir', folder])
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'any', maxRetries: 0 })
})
afterAll(async () => {
  await server?.stop()
  rmSync(folder, { recursive: true })
})

it('has the scores of its labels under OpenAI’s categories, and says which it cannot judge', async () => {
  const { model, results } = await client.moderations.create({ model: MODEL, input: ['w1 w2 w3', 'w4 w5'] })
  expect([model, results.length]).toEqual([MODEL, 2])
  const { body } = await post(`${server.url}/models/${MODEL}`, { inputs: 'w1 w2 w3', parameters: { top_k: null } })
  const scores = new Map((body as { label: string; score: number }[][])[0]!.map(({ label, score }) => [label, score]))
  const [first] = results as [OpenAI.Moderation]
  expect(first.category_scores.harassment).toBe(scores.get('toxic'))
  expect(first.category_scores['harassment/threatening']).toBe(scores.get('threat'))
  expect(first.category_scores.hate).toBe(scores.get('Identity Hate'))
  expect(first.category_scores.violence).toBe(0)
  expect(first.category_applied_input_types.hate).toEqual(['text'])
  expect(first.category_applied_input_types.violence).toEqual([])
  const judged = ['toxic', 'threat', 'Identity Hate'].map((label) => scores.get(label)!)
  expect(first.flagged).toBe(judged.some((score) => score >= 0.5))
})

it('takes text parts, and pictures no more than any model here', async () => {
  const part = { type: 'text' as const, text: 'w1 w2 w3' }
  const { results } = await client.moderations.create({ model: MODEL, input: [part] })
  expect(results).toHaveLength(1)
  const picture = { type: 'image_url' as const, image_url: { url: 'data:,' } }
  await expect(client.moderations.create({ model: MODEL, input: [picture] })).rejects.toMatchObject({ status: 400 })
})
