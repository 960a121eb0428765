import OpenAI from 'openai'
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
  WRONG_KEY,
} from './support.ts'

type Message = OpenAI.ChatCompletionMessageParam

/** What Valence adds to OpenAI's objects; the client hands on what it does not know. */
type Classified = { classification: LabelScore[] }

const SENTIMENT_SCHEMA = {
  name: 'sentiment',
  strict: true,
  schema: {
    type: 'object',
    properties: { label: { type: 'string', enum: ['NEGATIVE', 'POSITIVE'] }, score: { type: 'number' } },
    required: ['label', 'score'],
  },
}

const user = (content: Message['content']) => [{ role: 'user', content } as Message]

describe('the openai client from npm', () => {
  let server: RunningServer
  let client: OpenAI

  beforeAll(async () => {
    server = await startLockedServer()
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: KEY })
  })

  afterAll(async () => {
    await server?.stop()
  })

  describe('completes a chat', () => {
    it.each([
      [GOOD, 'POSITIVE'],
      [BAD, 'NEGATIVE'],
    ])('with the label of the text: %s', async (text, label) => {
      const completion = await client.chat.completions.create({ model: MODEL, messages: user(text) })

      expect(completion).toMatchObject({ object: 'chat.completion', model: MODEL, system_fingerprint: SERVED_MODEL })
      expect(completion.id).toMatch(/^chatcmpl-/)
      expect(completion.choices).toHaveLength(1)
      expect(completion.choices[0]).toMatchObject({
        index: 0,
        finish_reason: 'stop',
        message: { role: 'assistant', content: label },
      })
      expect(Math.abs(completion.created - Date.now() / 1000)).toBeLessThan(60)
    })

    it('with the scores of all labels in an extra field, best first', async () => {
      const completion = await client.chat.completions.create({ model: MODEL, messages: user(GOOD) })

      const [best, other, ...more] = (completion as unknown as Classified).classification
      expect(more).toEqual([])
      expect(best).toEqual({ label: 'POSITIVE', score: expect.any(Number) })
      expect(best!.score).toBeGreaterThan(0.9)
      expect(other!.label).toBe('NEGATIVE')
      expect(best!.score + other!.score).toBeCloseTo(1, 6)
    })

    it('with a usage that counts the tokens of the text, and more of them for a longer one', async () => {
      const { usage } = await client.chat.completions.create({ model: MODEL, messages: user('Great!') })
      const longer = await client.chat.completions.create({ model: MODEL, messages: user('Great! '.repeat(20)) })

      const short = usage!
      const long = longer.usage!
      expect(short.prompt_tokens).toBeGreaterThan(0)
      expect(short.completion_tokens).toBeGreaterThan(0)
      expect(short.total_tokens).toBe(short.prompt_tokens + short.completion_tokens)
      expect(long.prompt_tokens).toBeGreaterThan(short.prompt_tokens)
    })

    it('of the last user message, whatever the others and the sampling parameters say', async () => {
      const completion = await client.chat.completions.create({
        model: MODEL,
        messages: [
          { role: 'system', content: 'You are a helpful assistant.' },
          { role: 'user', content: BAD },
          { role: 'assistant', content: 'NEGATIVE' },
          { role: 'user', content: GOOD },
        ],
        temperature: 0.7,
        top_p: 0.95,
        max_tokens: 1024,
        stream: false,
      })

      expect(completion.choices[0]!.message.content).toBe('POSITIVE')
    })

    it('of text parts', async () => {
      const completion = await client.chat.completions.create({
        model: MODEL,
        messages: user([
          { type: 'text', text: 'This film is terrible,' },
          { type: 'text', text: 'boring and a waste of time.' },
        ]),
      })

      expect(completion.choices[0]!.message.content).toBe('NEGATIVE')
    })

    it('and hands over the headers that say who answered, and for which request', async () => {
      const { response, request_id } = await client.chat.completions
        .create({ model: MODEL, messages: user(GOOD) }, { headers: { 'x-request-id': 'req-of-the-test' } })
        .withResponse()

      expect(response.headers.get('x-valence-served-model')).toBe(SERVED_MODEL)
      expect(request_id).toBe('req-of-the-test')
    })
  })

  describe('streams', () => {
    it('chunks that add up to the label and end with "stop"', async () => {
      const stream = await client.chat.completions.create({ model: MODEL, messages: user(GOOD), stream: true })
      const chunks = []
      for await (const chunk of stream) chunks.push(chunk)

      expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('POSITIVE')
      expect(chunks[0]!.choices[0]!.delta.role).toBe('assistant')
      expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe('stop')
      expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
      expect(chunks.every(({ object }) => object === 'chat.completion.chunk')).toBe(true)
      expect(chunks.every(({ usage }) => usage === undefined)).toBe(true)
    })

    it('the usage last, where it was asked for', async () => {
      const stream = await client.chat.completions.create({
        model: MODEL,
        messages: user(GOOD),
        stream: true,
        stream_options: { include_usage: true },
      })
      const chunks = []
      for await (const chunk of stream) chunks.push(chunk)

      const last = chunks.at(-1)!
      expect(last.choices).toEqual([])
      expect(last.usage!.prompt_tokens).toBeGreaterThan(0)
      expect(last.usage!.total_tokens).toBe(last.usage!.prompt_tokens + last.usage!.completion_tokens)
      expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true)
    })

    it('what its stream() helper puts together again as a whole completion', async () => {
      const runner = client.chat.completions.stream({
        model: MODEL,
        messages: user(GOOD),
        logprobs: true,
        top_logprobs: 2,
        stream_options: { include_usage: true },
      })
      const heard: string[] = []
      runner.on('content', (delta) => heard.push(delta))
      const completion = await runner.finalChatCompletion()

      expect(heard.join('')).toBe('POSITIVE')
      expect(await runner.finalContent()).toBe('POSITIVE')
      expect(completion.choices[0]).toMatchObject({ finish_reason: 'stop', message: { role: 'assistant' } })
      expect(completion.choices[0]!.logprobs!.content).toHaveLength(1)
      expect(completion.choices[0]!.logprobs!.content![0]!.top_logprobs).toHaveLength(2)
      expect((await runner.totalUsage()).prompt_tokens).toBeGreaterThan(0)
      expect((completion as unknown as Classified).classification[0]!.label).toBe('POSITIVE')
    })

    it('and can be left early without harm to the next request', async () => {
      const stream = await client.chat.completions.create({ model: MODEL, messages: user(GOOD), stream: true })
      for await (const _ of stream) break

      const completion = await client.chat.completions.create({ model: MODEL, messages: user(BAD) })
      expect(completion.choices[0]!.message.content).toBe('NEGATIVE')
    })
  })

  describe('reads log probabilities', () => {
    it('of every label, which make probabilities that sum to 1', async () => {
      const completion = await client.chat.completions.create({
        model: MODEL,
        messages: user(GOOD),
        logprobs: true,
        top_logprobs: 5,
      })

      const tokens = completion.choices[0]!.logprobs!.content!
      expect(tokens).toHaveLength(1)
      const [chosen] = tokens
      expect(chosen!.token).toBe('POSITIVE')
      expect(Math.exp(chosen!.logprob)).toBeGreaterThan(0.9)
      expect(Buffer.from(chosen!.bytes!).toString()).toBe('POSITIVE')
      expect(chosen!.top_logprobs.map(({ token }) => token)).toEqual(['POSITIVE', 'NEGATIVE'])
      expect(chosen!.top_logprobs.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0)).toBeCloseTo(1, 6)
      const { classification } = completion as unknown as Classified
      expect(Math.exp(chosen!.logprob)).toBeCloseTo(classification[0]!.score, 6)
    })

    it.each([0, 1])('as many as it asked for: %i', async (top_logprobs) => {
      const completion = await client.chat.completions.create({
        model: MODEL,
        messages: user(GOOD),
        logprobs: true,
        top_logprobs,
      })
      expect(completion.choices[0]!.logprobs!.content![0]!.top_logprobs).toHaveLength(top_logprobs)
    })

    it('only where it asked for them', async () => {
      const completion = await client.chat.completions.create({ model: MODEL, messages: user(GOOD) })
      expect(completion.choices[0]!.logprobs).toBeNull()
    })
  })

  describe('gets JSON', () => {
    it.each<[string, OpenAI.ChatCompletionCreateParamsNonStreaming['response_format']]>([
      ['json_object', { type: 'json_object' }],
      ['json_schema', { type: 'json_schema', json_schema: SENTIMENT_SCHEMA }],
    ])('with the label and all scores for the format %s', async (_, response_format) => {
      const completion = await client.chat.completions.create({
        model: MODEL,
        messages: user(GOOD),
        response_format: response_format!,
      })

      const content = JSON.parse(completion.choices[0]!.message.content!)
      expect(content.label).toBe('POSITIVE')
      expect(content.score).toBeGreaterThan(0.9)
      expect(content.scores).toEqual((completion as unknown as Classified).classification)
    })

    it('parsed by its parse() helper', async () => {
      const completion = await client.chat.completions.parse({
        model: MODEL,
        messages: user(BAD),
        response_format: { type: 'json_schema', json_schema: SENTIMENT_SCHEMA },
      })

      const parsed = completion.choices[0]!.message.parsed as LabelScore | null
      expect(parsed!.label).toBe('NEGATIVE')
      expect(parsed!.score).toBeGreaterThan(0.5)
    })

    it.each([
      ['fields that no classifier has', { reason: { type: 'string' } }],
      ['a choice without one of the labels', { reason: { enum: ['POSITIVE', 'NEUTRAL'] } }],
    ])('or a BadRequestError for a schema that requires %s', async (_, properties) => {
      const schema = { type: 'object', properties, required: ['reason'] }
      const request = client.chat.completions.create({
        model: MODEL,
        messages: user(GOOD),
        response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } },
      })
      await expect(request).rejects.toMatchObject({ status: 400, param: 'response_format.json_schema' })
    })

    it('in the fields and the spelling that a closed schema declares', async () => {
      const schema = {
        type: 'object',
        properties: { label: { enum: ['positive', 'negative'] } },
        required: ['label'],
        additionalProperties: false,
      }
      const completion = await client.chat.completions.create({
        model: MODEL,
        messages: user(GOOD),
        response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } },
      })
      expect(completion.choices[0]!.message.content).toBe('{"label":"positive"}')
    })

    it('but the bare label for the format text', async () => {
      const completion = await client.chat.completions.create({
        model: MODEL,
        messages: user(GOOD),
        response_format: { type: 'text' },
      })
      expect(completion.choices[0]!.message.content).toBe('POSITIVE')
    })
  })

  describe('reads the models', () => {
    it('as a list', async () => {
      const models = []
      for await (const model of client.models.list()) models.push(model)

      expect(models.map(({ id }) => id)).toEqual([MODEL, SERVED_MODEL])
      expect(models.every(({ object }) => object === 'model')).toBe(true)
    })

    it('one by one, though it encodes the slash of an id', async () => {
      const { data, response } = await client.models.retrieve(MODEL).withResponse()

      expect(response.url).toContain('%2F')
      expect(data).toMatchObject({
        id: MODEL,
        object: 'model',
        owned_by: 'huggingface',
        labels: ['NEGATIVE', 'POSITIVE'],
      })
    })
  })

  describe('throws', () => {
    it('its AuthenticationError for a wrong key', async () => {
      const stranger = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: WRONG_KEY })

      for (const call of [
        () => stranger.chat.completions.create({ model: MODEL, messages: user(GOOD) }),
        () => stranger.models.list(),
        () => stranger.models.retrieve(MODEL),
      ]) {
        const error = await failureOf(call())
        expect(error).toBeInstanceOf(OpenAI.AuthenticationError)
        expect(error).toMatchObject({ status: 401, type: 'authentication_error', code: 401, param: null })
        expect((error as Error).message).not.toContain(WRONG_KEY)
      }
    })

    it('its NotFoundError for a model that is not here', async () => {
      for (const call of [
        () => client.chat.completions.create({ model: 'huggingface/no-such-model', messages: user(GOOD) }),
        () => client.models.retrieve('huggingface/no-such-model'),
      ]) {
        const error = await failureOf(call())
        expect(error).toBeInstanceOf(OpenAI.NotFoundError)
        expect(error).toMatchObject({ status: 404, type: 'model_not_found', code: 404, param: 'model' })
        expect((error as Error).message).toContain('huggingface/no-such-model')
      }
    })

    it('its NotFoundError for an endpoint that is not here', async () => {
      const error = await failureOf(client.embeddings.create({ model: MODEL, input: GOOD }))
      expect(error).toBeInstanceOf(OpenAI.NotFoundError)
      expect(error).toMatchObject({ status: 404, type: 'not_found', code: 404 })
    })

    it.each<[string, Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>, string]>([
      [
        'an image',
        {
          messages: user([
            { type: 'text', text: GOOD },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
          ]),
        },
        'messages[0].content[1]',
      ],
      [
        'tools',
        {
          tools: [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } }],
        },
        'tools',
      ],
      ['several answers', { n: 2 }, 'n'],
      ['no user message', { messages: [{ role: 'system', content: GOOD }] }, 'messages'],
      ['an empty text', { messages: user('') }, 'messages[0].content'],
    ])('its BadRequestError, which names the field, for %s', async (_, wrong, param) => {
      const error = await failureOf(client.chat.completions.create({ model: MODEL, messages: user(GOOD), ...wrong }))

      expect(error).toBeInstanceOf(OpenAI.BadRequestError)
      expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', code: 400, param })
      expect((error as InstanceType<typeof OpenAI.APIError>).requestID).toBeTruthy()
    })

    it('its APIError with the status 413 for a body over the limit, however far over', async () => {
      const impatient = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: KEY, maxRetries: 0 })
      const errors = []
      for (const megabytes of [3, 6, 6, 6, 6, 12]) {
        const messages = user('x'.repeat(megabytes * 1_000_000))
        errors.push(await failureOf(impatient.chat.completions.create({ model: MODEL, messages })))
      }

      // A connection that is cut instead gives an APIConnectionError, which has no status and is tried again.
      expect(errors.map((error) => (error as { status?: number }).status)).toEqual([413, 413, 413, 413, 413, 413])
      expect(errors[0]).toMatchObject({ type: 'invalid_request_error', code: 413 })
    })

    it('the same errors where it wanted a stream', async () => {
      const call = client.chat.completions.create({ model: 'nobody/nothing', messages: user(GOOD), stream: true })
      expect(await failureOf(call)).toBeInstanceOf(OpenAI.NotFoundError)
    })
  })
})
