import Cloudflare, { type APIError } from 'cloudflare'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { RunningServer } from '../support/server.ts'
import {
  BAD,
  CLOUDFLARE_MODEL,
  failureOf,
  GOOD,
  KEY,
  type LabelScore,
  SERVED_MODEL,
  startLockedServer,
  sumOf,
  WRONG_KEY,
} from './support.ts'

const ACCOUNT = '0123456789abcdef0123456789abcdef'

describe('the cloudflare client from npm', () => {
  let server: RunningServer
  let client: Cloudflare

  beforeAll(async () => {
    server = await startLockedServer()
    client = new Cloudflare({ baseURL: `${server.url}/client/v4`, apiToken: KEY })
  })

  afterEach(() => {
    vi.unstubAllEnvs()
  })

  afterAll(async () => {
    await server?.stop()
  })

  const run = (text: string, model = CLOUDFLARE_MODEL, by = client) => by.ai.run(model, { account_id: ACCOUNT, text })

  it.each([
    [GOOD, 'POSITIVE'],
    [BAD, 'NEGATIVE'],
  ])("answers in the model's order of labels, whichever is best: %s", async (text, label) => {
    const scores = (await run(text)) as LabelScore[]

    expect(scores.map((entry) => entry.label)).toEqual(['NEGATIVE', 'POSITIVE'])
    expect(scores.toSorted((a, b) => b.score - a.score)[0]!.label).toBe(label)
    expect(sumOf(scores)).toBeCloseTo(1, 6)
  })

  it('is sure of a plain case', async () => {
    const scores = (await run(GOOD)) as LabelScore[]
    expect(scores[1]!.label).toBe('POSITIVE')
    expect(scores[1]!.score).toBeGreaterThan(0.9)
  })

  it('may encode the slashes of the model, and reads who answered from a header', async () => {
    const response = await run(GOOD).asResponse()

    expect(response.url).toContain('/ai/run/@cf%2Fhuggingface%2Fdistilbert-sst-2-int8')
    expect(response.headers.get('x-valence-served-model')).toBe(SERVED_MODEL)
    expect(await response.json()).toMatchObject({ success: true, errors: [], messages: [] })
  })

  it('finds the server by its environment variables alone', async () => {
    vi.stubEnv('CLOUDFLARE_BASE_URL', `${server.url}/client/v4`)
    vi.stubEnv('CLOUDFLARE_API_TOKEN', KEY)

    const scores = (await run(GOOD, CLOUDFLARE_MODEL, new Cloudflare())) as LabelScore[]
    expect(scores[1]!.label).toBe('POSITIVE')
    expect(scores[1]!.score).toBeGreaterThan(0.9)
  })

  it('throws its BadRequestError with code 5006 for a text that is empty', async () => {
    const error = await failureOf(run(''))

    expect(error).toBeInstanceOf(Cloudflare.BadRequestError)
    expect(error).toMatchObject({ status: 400, errors: [{ code: 5006 }] })
    expect((error as APIError).errors[0]!.message).toMatch(/^AiError: Bad input: Error: .*text/)
  })

  it("throws its BadRequestError with code 5006 and the hosted API's words for a text that is missing", async () => {
    const error = await failureOf(client.ai.run(CLOUDFLARE_MODEL, { account_id: ACCOUNT }))

    expect(error).toBeInstanceOf(Cloudflare.BadRequestError)
    expect(error).toMatchObject({
      status: 400,
      errors: [{ code: 5006, message: "AiError: Bad input: Error: required properties at '/' are 'text'" }],
    })
  })

  it('throws its BadRequestError with code 5007 for a model that is not here', async () => {
    const error = await failureOf(run(GOOD, '@cf/huggingface/no-such-model'))

    expect(error).toBeInstanceOf(Cloudflare.BadRequestError)
    expect(error).toMatchObject({ status: 400, errors: [{ code: 5007 }] })
    expect((error as APIError).errors[0]!.message).toContain('No such model @cf/huggingface/no-such-model or task')
  })

  it('throws its AuthenticationError with code 10000 for a wrong token', async () => {
    const stranger = new Cloudflare({ baseURL: `${server.url}/client/v4`, apiToken: WRONG_KEY })
    const error = await failureOf(run(GOOD, CLOUDFLARE_MODEL, stranger))

    expect(error).toBeInstanceOf(Cloudflare.AuthenticationError)
    expect(error).toMatchObject({ status: 401, errors: [{ code: 10000, message: 'Authentication error' }] })
  })

  it('lists the models page by page, and stops', async () => {
    const pages: string[][] = []
    for await (const page of (await client.ai.models.list({ account_id: ACCOUNT, per_page: 1 })).iterPages()) {
      pages.push(page.getPaginatedItems().map((model) => (model as { name: string }).name))
    }

    expect(pages.length).toBeGreaterThan(1)
    expect(pages.at(-1)).toEqual([])
    expect(pages[0]).toEqual([CLOUDFLARE_MODEL])
    expect(new Set(pages.flat()).size).toBe(pages.length - 1)
  })

  it('finds a model with the ids of the hosted catalog', async () => {
    const query = {
      account_id: ACCOUNT,
      search: 'DistilBERT',
      task: 'Text Classification',
      author: 'huggingface',
      source: 1,
    }
    const found: unknown[] = []
    for await (const model of client.ai.models.list(query)) found.push(model)

    expect(found).toEqual([
      expect.objectContaining({
        id: 'eaf31752-a074-441f-8b70-d593255d2811',
        name: CLOUDFLARE_MODEL,
        source: 1,
        task: expect.objectContaining({ id: '19606750-23ed-4371-aab2-c20349b53a60', name: 'Text Classification' }),
      }),
    ])
  })

  it('reads the schema of a model, and none of one that is not here', async () => {
    const schema = await client.ai.models.schema.get({ account_id: ACCOUNT, model: CLOUDFLARE_MODEL })
    expect(schema).toMatchObject({
      input: { type: 'object', properties: { text: { type: 'string', minLength: 1 } }, required: ['text'] },
      output: { type: 'array', items: { properties: { label: { type: 'string' }, score: { type: 'number' } } } },
    })

    const error = await failureOf(client.ai.models.schema.get({ account_id: ACCOUNT, model: '@cf/no/such' }))
    expect(error).toMatchObject({ status: 400, errors: [{ code: 5007 }] })
  })

  it('knows every answer by its ids', async () => {
    const answers = [client.ai.models.list({ account_id: ACCOUNT }), client.user.tokens.verify()]
    for (const { headers } of await Promise.all(answers.map((answer) => answer.asResponse()))) {
      expect(headers.get('cf-ai-req-id')).toBe(headers.get('x-request-id'))
      expect(headers.get('cf-ray')).toMatch(/^[0-9a-f]{16}-LCL$/)
    }
  })

  it('lists tasks and authors', async () => {
    const tasks: unknown[] = []
    for await (const task of client.ai.tasks.list({ account_id: ACCOUNT })) tasks.push(task)
    expect(tasks).toEqual([expect.objectContaining({ name: 'Text Classification' })])

    const authors: unknown[] = []
    for await (const author of client.ai.authors.list({ account_id: ACCOUNT })) authors.push(author)
    expect(authors).toContainEqual({ name: 'huggingface' })
  })

  it('verifies its token, and not a wrong one', async () => {
    expect(await client.user.tokens.verify()).toEqual({ id: expect.stringMatching(/^[0-9a-f]{32}$/), status: 'active' })
    expect(await client.accounts.tokens.verify({ account_id: ACCOUNT })).toMatchObject({ status: 'active' })

    const stranger = new Cloudflare({ baseURL: `${server.url}/client/v4`, apiToken: WRONG_KEY })
    expect(await failureOf(stranger.user.tokens.verify())).toBeInstanceOf(Cloudflare.AuthenticationError)
  })

  it('reads what a request counts and how it is known', async () => {
    const { headers } = await run(GOOD).asResponse()

    expect(headers.get('cf-ai-req-id')).toBe(headers.get('x-request-id'))
    expect(headers.get('cf-ray')).toMatch(/^[0-9a-f]{16}-[A-Z]{3}$/)
    expect(Number(headers.get('cf-ai-neurons'))).toBeCloseTo((7 * 2394) / 1e6, 6)
  })

  it('throws its NotFoundError with code 7000 for an endpoint that is not here', async () => {
    const error = await failureOf(client.get('/no/such/endpoint'))

    expect(error).toBeInstanceOf(Cloudflare.NotFoundError)
    expect(error).toMatchObject({ status: 404, errors: [{ code: 7000 }] })
  })
})
