import { env, exports } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'

const MODEL = '@cf/huggingface/distilbert-sst-2-int8'

describe('the documented worker, in workerd', () => {
  it('answers with both labels and their scores', async () => {
    const response = await exports.default.fetch('https://example.com/')

    const [negative, positive] = await response.json<{ label: string; score: number }[]>()
    expect(negative).toEqual({ label: 'NEGATIVE', score: expect.any(Number) })
    expect(positive).toEqual({ label: 'POSITIVE', score: expect.any(Number) })
    expect(positive!.score).toBeGreaterThan(0.9)
  })
})

describe("the binding, which is workerd's own", () => {
  it('throws the hosted errors', async () => {
    const call = env.AI.run(MODEL, { text: '' })
    await expect(call).rejects.toMatchObject({ name: 'AiError', message: expect.stringMatching(/^5006: Error: /) })
  })

  it('lists the models', async () => {
    const models = await env.AI.models({ task: 'Text Classification' })
    expect(models.map(({ name }) => name)).toContain(MODEL)
  })
})
