import { InferenceClient, InferenceClientProviderApiError } from '@huggingface/inference'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningServer } from '../support/server.ts'
import {
  BAD,
  failureOf,
  HUGGING_FACE_MODEL,
  KEY,
  MODEL,
  SERVED_MODEL,
  startLockedServer,
  sumOf,
  WRONG_KEY,
} from './support.ts'

const TEXT = 'I like you. I love you'

describe('the @huggingface/inference client from npm', () => {
  let server: RunningServer
  let client: InferenceClient

  beforeAll(async () => {
    server = await startLockedServer()
    client = clientOf(`/models/${HUGGING_FACE_MODEL}`)
  })

  afterAll(async () => {
    await server?.stop()
  })

  const clientOf = (path: string, key = KEY) => new InferenceClient(key, { endpointUrl: `${server.url}${path}` })

  it.each([
    [TEXT, ['POSITIVE', 'NEGATIVE']],
    [BAD, ['NEGATIVE', 'POSITIVE']],
  ])('gets every label, best first: %s', async (inputs, labels) => {
    const ranking = await client.textClassification({ inputs })

    expect(ranking.map(({ label }) => label)).toEqual(labels)
    expect(ranking[0]!.score).toBeGreaterThan(ranking[1]!.score)
    expect(sumOf(ranking)).toBeCloseTo(1, 6)
  })

  it('is sure of a plain case', async () => {
    const [best] = await client.textClassification({ inputs: TEXT })
    expect(best!.label).toBe('POSITIVE')
    expect(best!.score).toBeGreaterThan(0.9)
  })

  it.each([
    `/models/${MODEL}`,
    '/models/distilbert-base-uncased-finetuned-sst-2-english',
    `/hf-inference/models/${HUGGING_FACE_MODEL}`,
    `/hf-inference/models/${HUGGING_FACE_MODEL}/pipeline/text-classification`,
    `/pipeline/text-classification/${HUGGING_FACE_MODEL}`,
    `/models/${encodeURIComponent(HUGGING_FACE_MODEL)}`,
  ])('is answered at the address %s', async (path) => {
    const [best] = await clientOf(path).textClassification({ inputs: TEXT })
    expect(best!.label).toBe('POSITIVE')
  })

  it('gets as many labels as top_k says', async () => {
    const one = await client.textClassification({ inputs: TEXT, parameters: { top_k: 1 } })
    expect(one.map(({ label }) => label)).toEqual(['POSITIVE'])

    const both = await client.textClassification({ inputs: TEXT, parameters: { top_k: 2 } })
    expect(both.map(({ label }) => label)).toEqual(['POSITIVE', 'NEGATIVE'])
  })

  it('gets the scores after the function that it names', async () => {
    const scoresAfter = async (function_to_apply: 'softmax' | 'sigmoid' | 'none') => {
      const ranking = await client.textClassification({ inputs: TEXT, parameters: { function_to_apply } })
      expect(ranking.map(({ label }) => label)).toEqual(['POSITIVE', 'NEGATIVE'])
      return ranking.map(({ score }) => score)
    }
    const logits = await scoresAfter('none')
    const sigmoid = await scoresAfter('sigmoid')
    const softmax = await scoresAfter('softmax')
    const byDefault = (await client.textClassification({ inputs: TEXT })).map(({ score }) => score)

    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0)
    for (const [index, logit] of logits.entries()) {
      expect(sigmoid[index]).toBeCloseTo(1 / (1 + Math.exp(-logit)), 5)
      expect(softmax[index]).toBeCloseTo(Math.exp(logit) / total, 5)
      expect(byDefault[index]).toBeCloseTo(softmax[index]!, 5)
    }
    expect(logits[0]).toBeGreaterThan(1)
    expect(logits[1]).toBeLessThan(0)
  })

  it('can read from the headers who answered', async () => {
    const text = 'A text that nobody has sent before.'
    let headers: Headers | undefined
    await client.textClassification(
      { inputs: text },
      {
        async fetch(...request: Parameters<typeof fetch>) {
          const response = await fetch(...request)
          headers = response.headers
          return response
        },
      },
    )

    expect(headers!.get('x-valence-served-model')).toBe(SERVED_MODEL)
    expect(headers!.get('x-compute-type')).toBe('cpu')
    expect(headers!.get('x-compute-characters')).toBe(String(text.length))
  })

  it.each([
    ['a wrong key', `/models/${HUGGING_FACE_MODEL}`, WRONG_KEY, 401, 'Invalid credentials in Authorization header'],
    ['a model that is not here', '/models/nobody/nothing', KEY, 404, 'Model nobody/nothing does not exist'],
  ])('shows the reason of the refusal of %s', async (_, path, key, status, reason) => {
    const error = await failureOf(clientOf(path, key).textClassification({ inputs: TEXT }))

    expect(error).toBeInstanceOf(InferenceClientProviderApiError)
    expect(error).toMatchObject({
      message: `Failed to perform inference: ${reason}`,
      httpResponse: { status, body: { error: reason }, requestId: expect.stringMatching(/\S/) },
    })
  })

  it.each([
    ['function_to_apply', { function_to_apply: 'tanh' }],
    ['top_k', { top_k: -1 }],
  ])('shows that the parameter %s is wrong', async (name, parameters) => {
    const call = client.textClassification({ inputs: TEXT, parameters: parameters as { top_k?: number } })
    const error = await failureOf(call)

    expect(error).toBeInstanceOf(InferenceClientProviderApiError)
    expect(error).toMatchObject({ httpResponse: { status: 400 } })
    expect((error as Error).message).toMatch(new RegExp(`^Failed to perform inference: .*parameters\\.${name}`))
  })
})
