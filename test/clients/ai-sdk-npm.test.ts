import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, generateObject, generateText, jsonSchema, Output, streamText, tool } from 'ai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningServer } from '../support/server.ts'
import {
  BAD,
  failureOf,
  GOOD,
  KEY,
  type LabelScore,
  MODEL,
  SERVED_MODEL,
  startLockedServer,
  sumOf,
  WRONG_KEY,
} from './support.ts'

type Sentiment = LabelScore & { scores: LabelScore[] }

const SENTIMENT = jsonSchema<Sentiment>(
  {
    type: 'object',
    properties: {
      label: { type: 'string', enum: ['NEGATIVE', 'POSITIVE'] },
      score: { type: 'number' },
      scores: { type: 'array', items: { type: 'object' } },
    },
    required: ['label', 'score', 'scores'],
  },
  {
    validate: (value) =>
      typeof (value as Sentiment).label === 'string' && typeof (value as Sentiment).score === 'number'
        ? { success: true, value: value as Sentiment }
        : { success: false, error: new Error('not a sentiment') },
  },
)

describe('the AI SDK with its OpenAI-compatible provider', () => {
  let server: RunningServer

  beforeAll(async () => {
    // It tells on the terminal that it sends no schema with the format json_object, which is what one test is about.
    Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false })
    server = await startLockedServer()
  })

  afterAll(async () => {
    await server?.stop()
  })

  const modelOf = ({ id = MODEL, apiKey = KEY, supportsStructuredOutputs = false } = {}) =>
    createOpenAICompatible({
      name: 'valence',
      baseURL: `${server.url}/v1`,
      apiKey,
      includeUsage: true,
      supportsStructuredOutputs,
    })(id)

  it.each([
    [GOOD, 'POSITIVE'],
    [BAD, 'NEGATIVE'],
  ])('generates the label as text: %s', async (prompt, label) => {
    const result = await generateText({ model: modelOf(), prompt, instructions: 'You are a helpful assistant.' })

    expect(result.text).toBe(label)
    expect(result.finishReason).toBe('stop')
    expect(result.usage.inputTokens).toBeGreaterThan(0)
    expect(result.usage.totalTokens).toBe(result.usage.inputTokens! + result.usage.outputTokens!)
    expect(result.response.modelId).toBe(MODEL)
    expect(result.response.headers!['x-valence-served-model']).toBe(SERVED_MODEL)
  })

  it('streams the label, and the usage after it', async () => {
    const result = streamText({ model: modelOf(), prompt: GOOD })
    let text = ''
    for await (const delta of result.textStream) text += delta

    expect(text).toBe('POSITIVE')
    expect(await result.finishReason).toBe('stop')
    const usage = await result.usage
    expect(usage.inputTokens).toBeGreaterThan(0)
    expect(usage.totalTokens).toBe(usage.inputTokens! + usage.outputTokens!)
  })

  it.each([
    ['json_schema', true],
    ['json_object', false],
  ])('generates an object by the format %s', async (_, supportsStructuredOutputs) => {
    const model = modelOf({ supportsStructuredOutputs })
    const result = await generateText({ model, prompt: GOOD, output: Output.object({ schema: SENTIMENT }) })

    expect(result.output.label).toBe('POSITIVE')
    expect(result.output.score).toBeGreaterThan(0.9)
    expect(result.output.scores.map(({ label }) => label)).toEqual(['POSITIVE', 'NEGATIVE'])
    expect(sumOf(result.output.scores)).toBeCloseTo(1, 6)
  })

  it('generates an object by the older call as well', async () => {
    const model = modelOf({ supportsStructuredOutputs: true })
    const { object } = await generateObject({ model, prompt: BAD, schema: SENTIMENT })

    expect(object.label).toBe('NEGATIVE')
    expect(object.score).toBe(object.scores[0]!.score)
  })

  it.each([
    [GOOD, 'positive'],
    [BAD, 'negative'],
  ])('chooses between the labels, in the spelling of the caller', async (prompt, expected) => {
    const model = modelOf({ supportsStructuredOutputs: true })
    const result = await generateText({ model, prompt, output: Output.choice({ options: ['positive', 'negative'] }) })

    expect(result.output).toBe(expected)
  })

  it('streams an object', async () => {
    const model = modelOf({ supportsStructuredOutputs: true })
    const result = streamText({ model, prompt: GOOD, output: Output.object({ schema: SENTIMENT }) })

    expect((await result.output).label).toBe('POSITIVE')
  })

  it.each([
    ['a wrong key', { apiKey: WRONG_KEY }, 401, 'authentication_error'],
    ['a model that is not here', { id: 'huggingface/no-such-model' }, 404, 'model_not_found'],
  ])('throws its APICallError, which it does not retry, for %s', async (_, wrong, status, type) => {
    const error = await failureOf(generateText({ model: modelOf(wrong), prompt: GOOD }))

    expect(APICallError.isInstance(error)).toBe(true)
    expect(error).toMatchObject({ statusCode: status, isRetryable: false, data: { error: { type, code: status } } })
  })

  it('throws its APICallError for tools', async () => {
    const inputSchema = jsonSchema<object>({ type: 'object', properties: {} })
    const weather = tool({ description: 'The weather', inputSchema, execute: () => 'rain' })
    const error = await failureOf(generateText({ model: modelOf(), prompt: GOOD, tools: { weather } }))

    expect(APICallError.isInstance(error)).toBe(true)
    expect(error).toMatchObject({ statusCode: 400, data: { error: { type: 'invalid_request_error', param: 'tools' } } })
  })

  it('throws its APICallError, with the place, for an image', async () => {
    const data = new Uint8Array([0x89, 0x50, 0x4e, 0x47])
    const content = [
      { type: 'text' as const, text: GOOD },
      { type: 'file' as const, data, mediaType: 'image/png' },
    ]
    const error = await failureOf(generateText({ model: modelOf(), messages: [{ role: 'user', content }] }))

    expect(APICallError.isInstance(error)).toBe(true)
    expect(error).toMatchObject({ statusCode: 400, data: { error: { param: 'messages[0].content[1]' } } })
  })

  it('tells of an error in a stream as well', async () => {
    const errors: unknown[] = []
    const result = streamText({
      model: modelOf({ apiKey: WRONG_KEY }),
      prompt: GOOD,
      onError({ error }) {
        errors.push(error)
      },
    })
    await result.consumeStream()

    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatchObject({ statusCode: 401 })
  })
})
