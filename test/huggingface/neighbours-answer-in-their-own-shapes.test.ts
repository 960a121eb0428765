import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newCache, removeCaches } from '../support/cache.ts'
import { get, post } from '../support/http.ts'
import { putModel } from '../support/hub-models.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'

const TEXT = 'I like you. I love you'
const MULTI_LABEL = 'lab/topics'
const REVIEW = 'good '.repeat(600)

type Prediction = { label: string; score: number }

let server: RunningServer
beforeAll(async () => {
  const modelsDir = newCache()
  putModel(modelsDir, MULTI_LABEL, 'roberta-multi-label')
  const flags = ['--models-dir', modelsDir, '--workers', '1', '--max-waiting-texts', '20', '--max-body-bytes', '20000']
  server = await startTestServer(flags, { VALENCE_API_KEYS: 'a-key' })
})
afterAll(async () => {
  await server?.stop()
  removeCaches()
})

const headers = { authorization: 'Bearer a-key' }
const send = (path: string, body: unknown) => post(server.url + path, body, headers)

async function rankingOf(model: string, inputs: unknown, parameters: object = {}): Promise<Prediction[]> {
  return (
    (await send(`/models/${model}`, { inputs, parameters: { top_k: null, ...parameters } })).body as Prediction[][]
  )[0]!
}

describe('text-embeddings-inference', () => {
  const predict = (body: object) => send('/predict', body)

  it('a text answers a flat list, best label first', async () => {
    const { status, body } = await predict({ inputs: TEXT })
    expect(status).toBe(200)
    expect(body).toEqual(await rankingOf('valence/minilm-sst-2-int8', TEXT))
    expect((await predict({ inputs: [TEXT] })).body).toEqual(body)
  })

  it('a list of two texts is a pair; lists of lists are a batch, of texts and pairs', async () => {
    const pair = await rankingOf('valence/minilm-sst-2-int8', { text: TEXT, text_pair: 'You bore me.' })
    expect((await predict({ inputs: [TEXT, 'You bore me.'] })).body).toEqual(pair)
    const { body } = await predict({ inputs: [[TEXT], [TEXT, 'You bore me.']] })
    expect(body).toEqual([(await predict({ inputs: TEXT })).body, pair])
    expect((await predict({ inputs: [[TEXT]] })).body).toEqual([(await predict({ inputs: TEXT })).body])
  })

  it('raw_scores answers logits', async () => {
    const { body } = await predict({ inputs: TEXT, raw_scores: true })
    expect(body).toEqual(await rankingOf('valence/minilm-sst-2-int8', TEXT, { function_to_apply: 'none' }))
  })

  it('a model of several labels that may hold together has its scores by sigmoid', async () => {
    const { body } = await predict({ inputs: TEXT, model: MULTI_LABEL })
    expect(body).toEqual(await rankingOf(MULTI_LABEL, TEXT, { function_to_apply: 'sigmoid' }))
    expect(body).toHaveLength(5)
  })

  it('a text that is too long is cut on the side that is asked for, and said to be', async () => {
    const long = `${REVIEW} bad`
    const right = await predict({ inputs: long })
    const left = await predict({ inputs: long, truncation_direction: 'Left' })
    expect(right.headers.get('x-valence-truncated')).toBe('true')
    expect(left.headers.get('x-valence-truncated')).toBe('true')
    expect(left.body).not.toEqual(right.body)
    expect(right.body).toEqual((await predict({ inputs: long, truncation_direction: 'Right', truncate: true })).body)
  })

  it.each([
    ['an empty batch', { inputs: [] }, 400, 'empty'],
    ['an empty text', { inputs: '' }, 400, 'empty'],
    ['three bare texts', { inputs: ['a', 'b', 'c'] }, 422, 'validation'],
    ['a number', { inputs: 5 }, 422, 'validation'],
    ['no inputs', {}, 422, 'validation'],
    ['an end that is none', { inputs: 'a', truncation_direction: 'up' }, 422, 'validation'],
    ['too many texts', { inputs: Array.from({ length: 21 }, () => ['a']) }, 413, 'validation'],
    ['a text that is too long and must not be cut', { inputs: REVIEW, truncate: false }, 413, 'validation'],
    ['too large a body', { inputs: 'a'.repeat(30_000) }, 413, 'validation'],
    ['a model that is not here', { inputs: 'a', model: 'no/such' }, 404, 'validation'],
  ])('%s is refused in its words', async (_, body, status, type) => {
    expect(await predict(body)).toMatchObject({
      status,
      body: { error: expect.stringMatching(/\S/), error_type: type },
    })
  })

  it('a wrong key is refused in its shape', async () => {
    expect(await post(`${server.url}/predict`, { inputs: 'a' })).toMatchObject({
      status: 401,
      body: { error: expect.any(String), error_type: expect.any(String) },
    })
  })

  it('/info says what is served, /health that it is well', async () => {
    expect((await get(`${server.url}/info`, headers)).body).toEqual({
      model_id: 'distilbert/distilbert-base-uncased-finetuned-sst-2-english',
      model_sha: expect.stringMatching(/^[0-9a-f]{40}$/),
      model_dtype: 'int8',
      model_type: {
        classifier: { id2label: { 0: 'NEGATIVE', 1: 'POSITIVE' }, label2id: { NEGATIVE: 0, POSITIVE: 1 } },
      },
      max_input_length: 512,
      max_client_batch_size: 20,
      auto_truncate: true,
      version: expect.any(String),
    })
    expect((await get(`${server.url}/health`)).status).toBe(200)
  })
})

describe('vLLM', () => {
  it.each([[TEXT], [[TEXT, 'You bore me.']]])('/classify answers %j', async (input) => {
    const { status, body } = await send('/classify', { model: 'valence/minilm-sst-2-int8', input })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      id: expect.stringMatching(/^classify-/),
      object: 'list',
      created: expect.any(Number),
      model: 'valence/minilm-sst-2-int8',
      data: [input].flat().map((_, index) => ({
        index,
        label: index === 0 ? 'POSITIVE' : 'NEGATIVE',
        probs: [expect.any(Number), expect.any(Number)],
        num_classes: 2,
      })),
      usage: { prompt_tokens: expect.any(Number), completion_tokens: 0, total_tokens: expect.any(Number) },
    })
  })

  it('/classify refuses in the shape of the OpenAI API', async () => {
    expect(await send('/classify', { model: 'no/such', input: 'a' })).toMatchObject({
      status: 404,
      body: { error: { message: expect.any(String), code: 404 } },
    })
  })
})

describe('the inference toolkit', () => {
  it.each([
    [TEXT, 1],
    [[TEXT, 'You bore me.'], 2],
  ])('POST / answers as the hosted API does: %j', async (inputs, count) => {
    const { status, body } = await send('/', { inputs, parameters: {} })
    expect(status).toBe(200)
    expect(body).toHaveLength(count)
    expect((body as Prediction[][])[0]).toEqual(await rankingOf('valence/minilm-sst-2-int8', TEXT))
  })

  it('POST / refuses with a string', async () => {
    expect(await send('/', { inputs: 5 })).toMatchObject({ status: 400, body: { error: expect.any(String) } })
  })
})
