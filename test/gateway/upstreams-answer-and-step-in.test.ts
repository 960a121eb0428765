import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { get, post, type Reply } from '../support/http.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'
import { startMisbehaving, startWithUpstreams } from '../support/upstreams.ts'

const THERE = 'valence/minilm-sst-2-int8'
const KEY = 'the-key-of-the-upstream'
const LABELS = ['NEGATIVE', 'POSITIVE']
const NOWHERE = { protocol: 'openai', url: 'http://127.0.0.1:9/v1' }

let other: RunningServer
let server: RunningServer
beforeAll(async () => {
  other = await startTestServer([], { VALENCE_API_KEYS: KEY })
  const key = { keyVariable: 'OTHER_KEY' }
  server = await startWithUpstreams(
    {
      upstreams: {
        chat: { protocol: 'openai', url: `${other.url}/v1`, ...key },
        cloudflare: { protocol: 'workers-ai', url: `${other.url}/client/v4/accounts/a`, ...key },
        hub: { protocol: 'huggingface', url: other.url, ...key },
        keyless: { protocol: 'huggingface', url: other.url },
        nowhere: NOWHERE,
      },
      models: [
        ...['chat', 'cloudflare', 'hub', 'keyless'].map((upstream) => ({
          id: `elsewhere/${upstream}`,
          labels: LABELS,
          candidates: [{ upstream, model: THERE }],
        })),
        {
          id: 'elsewhere/toxicity',
          aliases: ['toxicity'],
          labels: ['toxic', 'fine'],
          candidates: [{ upstream: 'hub', model: THERE, labelsThere: LABELS }],
        },
        {
          id: 'elsewhere/chain',
          labels: LABELS,
          candidates: [
            { upstream: 'nowhere', model: 'x', costMicros: 30, quality: 0.9 },
            { upstream: 'hub', model: THERE, costMicros: 20, quality: 0.5 },
            { local: THERE, costMicros: 10, quality: 0.1 },
          ],
        },
        { id: THERE, candidates: [{ local: THERE }, { upstream: 'hub', model: THERE }] },
      ],
    },
    ['--log-level', 'info'],
    { OTHER_KEY: KEY },
  )
})
afterAll(() => Promise.all([other.stop(), server.stop()]))

describe.each(['chat', 'cloudflare', 'hub'])('another Valence behind %s', (upstream) => {
  const model = `elsewhere/${upstream}`

  it('answers with its scores in every dialect, and says so', async () => {
    const text = `What a wonderful ${upstream}.`
    const here = await scoresOf(`${server.url}/models/${THERE}`, text)
    const replies = [
      await post(`${server.url}/v1/chat/completions`, { model, messages: [{ role: 'user', content: text }] }),
      await post(`${server.url}/models/${model}`, { inputs: text }),
      await post(`${server.url}/client/v4/accounts/a/ai/run/${model}`, { text }),
    ]
    for (const reply of replies) {
      expect(reply.status).toBe(200)
      expect(reply.headers.get('x-valence-served-model')).toBe(`${upstream}:${THERE}`)
    }
    expect((replies[0]!.body as { classification: unknown }).classification).toEqual(here)
    expect((replies[1]!.body as unknown[])[0]).toEqual(here)
    expect((replies[2]!.body as { result: unknown }).result).toEqual(here.toReversed())
  })

  it('answers a list in its order', async () => {
    const input = ['Terrible.', 'Wonderful.', 'Awful.']
    const { body } = await post(`${server.url}/v1/classifications`, { model, input })
    const { data } = body as { data: { label: string }[] }
    expect(data.map(({ label }) => label)).toEqual(['NEGATIVE', 'POSITIVE', 'NEGATIVE'])
  })

  it('is kept in the cache where the client says so', async () => {
    const ask = async (mode: string) =>
      (await post(`${server.url}/models/${model}`, { inputs: 'Kept?' }, { 'x-cache': mode })).headers.get('x-cache')
    const answers = []
    for (const mode of ['auto', 'auto', 'force', 'force', 'auto']) answers.push(await ask(mode))
    expect(answers).toEqual(['miss', 'miss', 'miss', 'hit', 'miss'])
  })
})

it('an activation that only one of the APIs has a word for', async () => {
  const raw = (model: string) =>
    post(`${server.url}/models/${model}`, { inputs: 'Raw.', parameters: { function_to_apply: 'none' } })
  expect((await raw('elsewhere/hub')).body).toEqual((await raw(THERE)).body)
  expect(await raw('elsewhere/chat')).toMatchObject({
    status: 400,
    body: { error: expect.stringContaining('activation') },
  })
})

it('a model with labels for it moderates, under the names that it has here', async () => {
  for (const model of [undefined, 'omni-moderation-latest', 'toxicity']) {
    const { status, body } = await post(`${server.url}/v1/moderations`, { model, input: ['You are awful.', 'Lovely!'] })
    expect(status).toBe(200)
    expect(body).toMatchObject({ model: 'elsewhere/toxicity', results: [{ flagged: true }, { flagged: false }] })
    const [{ categories, category_applied_input_types: applied }] = (body as Moderations).results as [Moderated]
    expect([categories.harassment, categories.violence]).toEqual([true, false])
    expect([applied.harassment, applied.violence]).toEqual([['text'], []])
  }
})

it('whoever fails is stepped in for, and x-routing says who goes first', async () => {
  const ask = async (routing?: string) =>
    post(`${server.url}/models/elsewhere/chain`, { inputs: 'Who?' }, routing ? { 'x-routing': routing } : {})
  expect((await ask()).headers.get('x-valence-served-model')).toBe(`hub:${THERE}`)
  expect((await ask('quality')).headers.get('x-valence-served-model')).toBe(`hub:${THERE}`)
  const cheapest = await ask('cost')
  expect(cheapest.headers.get('x-routing-selected')).toBe(THERE)
  expect(cheapest.headers.get('x-routing-reason')).toContain('cheapest')
  expect((await ask('whim')).status).toBe(400)
})

it('a key that is not taken is a failure of the upstream, not of the client, and is nowhere to be read', async () => {
  const reply = await post(`${server.url}/v1/classifications`, { model: 'elsewhere/keyless', input: 'x' })
  expect(reply).toMatchObject({ status: 500, body: { error: { type: 'server_error' } } })
  expect(server.output()).toContain('a candidate failed')
  expect(server.output() + JSON.stringify(reply.body)).not.toContain(KEY)
})

it('models and their health are listed', async () => {
  const { data } = (await get(`${server.url}/v1/models?provider=elsewhere`)).body as { data: { status: string }[] }
  expect(data).toHaveLength(6)
  expect(new Set(data.map(({ status }) => status))).toEqual(new Set(['remote']))
  expect((await get(`${server.url}/v1/health/providers`)).body).toMatchObject({
    data: [
      { id: 'local' },
      { id: 'chat', status: 'healthy', models: ['elsewhere/chat'] },
      {},
      {},
      {},
      { id: 'nowhere' },
    ],
  })
})

describe('an upstream that', () => {
  const start = async (url: string, settings: object = {}, fallback: object[] = []) =>
    startWithUpstreams({
      upstreams: { bad: { protocol: 'huggingface', url, ...settings } },
      models: [{ id: 'a/b', labels: LABELS, candidates: [{ upstream: 'bad', model: 'x' }, ...fallback] }],
    })
  const ask = (running: RunningServer) => post(`${running.url}/v1/classifications`, { model: 'a/b', input: 'x' })

  const faults: [string, (response: ServerResponse) => void, string][] = [
    ['says nothing', () => {}, 'within 300 ms'],
    ['says no JSON', (response) => void response.end('<html>'), 'no JSON'],
    ['says something else', (response) => void response.end('{"a": 1}'), 'not one ranking'],
    ['says other labels', (response) => void response.end('[[{"label": "X", "score": 1}]]'), 'lacks the label'],
    ['never stops', (response) => flood(response), 'bytes'],
    ['redirects', (response) => void response.writeHead(307, { location: 'http://127.0.0.1:9/' }).end(), 'reached'],
  ]
  it.each(faults)('%s is a 500 that may be tried again', async (_, answer, message) => {
    const bad = await startMisbehaving((__, response) => answer(response))
    const running = await start(bad.url, { timeoutMs: message === 'bytes' ? 10_000 : 300 })
    const reply = await ask(running)
    expect(reply).toMatchObject({ status: 500, body: { error: { type: 'server_error' } } })
    expect(JSON.stringify(reply.body)).toContain(message)
    await running.stop()
    await bad.close()
  })

  it('was just busy is asked once more, and one that has worked on it is not', async () => {
    const statuses = [503, 200, 500, 200]
    let requests = 0
    const bad = await startMisbehaving((_, response) => {
      response
        .writeHead(statuses[requests++]!)
        .end('[[{"label": "POSITIVE", "score": 1}, {"label": "NEGATIVE", "score": 0}]]')
    })
    const running = await start(bad.url)
    expect([(await ask(running)).status, requests]).toEqual([200, 2])
    expect([(await ask(running)).status, requests]).toEqual([500, 3])
    await running.stop()
    await bad.close()
  })

  it('fails again and again is left alone, which is a 503, until one request finds it well', async () => {
    let requests = 0
    let isWell = false
    const bad = await startMisbehaving((_, response) => {
      requests++
      response
        .writeHead(isWell ? 200 : 500)
        .end('[[{"label": "POSITIVE", "score": 1}, {"label": "NEGATIVE", "score": 0}]]')
    })
    const running = await start(bad.url)
    for (let failure = 0; failure < 5; failure++) expect((await ask(running)).status).toBe(500)
    isWell = true
    const resting = await ask(running)
    expect([resting.status, requests]).toEqual([503, 5])
    expect(Number(resting.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await circuitOf(running)).toBe('open')
    await expect.poll(async () => (await ask(running)).status, { timeout: 20_000, interval: 500 }).toBe(200)
    expect(await circuitOf(running)).toBe('closed')
    await running.stop()
    await bad.close()
  })

  it('says nothing for as long as requests have is left alone, though it may have longer', async () => {
    const bad = await startMisbehaving(() => {})
    const running = await startWithUpstreams(
      {
        upstreams: { bad: { protocol: 'huggingface', url: bad.url } },
        models: [{ id: 'a/b', labels: LABELS, candidates: [{ upstream: 'bad', model: 'x' }] }],
      },
      ['--timeout-ms', '300'],
    )
    for (let failure = 0; failure < 5; failure++) expect((await ask(running)).status).toBe(504)
    expect(await circuitOf(running)).toBe('open')
    await running.stop()
    await bad.close()
  })

  it('is slow is stepped in for in time, and no more at once are sent to it than it bears', async () => {
    let atOnce = 0
    let most = 0
    const bad = await startMisbehaving((_, response) => {
      most = Math.max(most, ++atOnce)
      response.once('close', () => atOnce--)
    })
    const running = await start(bad.url, { timeoutMs: 400, maxConcurrent: 2 }, [{ local: THERE }])
    const replies = await Promise.all(Array.from({ length: 3 }, () => ask(running)))
    for (const { status, headers } of replies)
      expect([status, headers.get('x-valence-served-model')]).toEqual([200, THERE])
    expect(most).toBeLessThanOrEqual(2)
    await running.stop()
    await bad.close()
  })
})

it('steps in for this server while its own queue is full', async () => {
  const running = await startWithUpstreams(
    {
      upstreams: { hub: { protocol: 'huggingface', url: other.url, keyVariable: 'OTHER_KEY' } },
      models: [{ id: THERE, candidates: [{ local: THERE }, { upstream: 'hub', model: THERE }] }],
    },
    ['--max-waiting-texts', '1', '--workers', '1', '--cache-bytes', '0'],
    { OTHER_KEY: KEY },
  )
  const ask = (index: number) => post(`${running.url}/models/${THERE}`, { inputs: `${'word '.repeat(400)}${index}` })
  const replies = await Promise.all(Array.from({ length: 12 }, (_, index) => ask(index)))
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]))
  expect(replies.some(({ headers }) => headers.get('x-valence-served-model') === `hub:${THERE}`)).toBe(true)
  await running.stop()
})

it.each([
  [{ upstreams: {}, models: [{ id: 'a/b', candidates: [{ upstream: 'x', model: 'y' }] }] }, /names the upstream x/],
  [{ upstreams: { x: { protocol: 'soap', url: 'http://x' } }, models: [] }, /protocol/],
  [{ upstreams: { x: { protocol: 'openai', url: 'http://user:word@x' } }, models: [] }, /password/],
  [{ upstreams: { x: { ...NOWHERE, keyVariable: 'NOT_SET_AT_ALL' } }, models: [] }, /NOT_SET_AT_ALL, which is not set/],
  [{ upstreams: { x: NOWHERE }, models: [{ id: 'a/b', candidates: [{ upstream: 'x', model: 'y' }] }] }, /needs labels/],
  [
    {
      upstreams: { x: NOWHERE },
      models: [{ id: 'a/b', labels: LABELS, aliases: [THERE], candidates: [{ local: THERE }] }],
    },
    /is taken/,
  ],
])('a file that will not do is refused, with the reason: %#', async (configuration, reason) => {
  await expect(startWithUpstreams(configuration)).rejects.toThrow(reason)
})

type Moderated = { categories: Record<string, boolean>; category_applied_input_types: Record<string, string[]> }
type Moderations = { results: Moderated[] }

async function scoresOf(url: string, inputs: string): Promise<unknown[]> {
  return ((await post(url, { inputs })).body as unknown[][])[0]!
}

async function circuitOf(running: RunningServer): Promise<string> {
  const { body }: Reply = await get(`${running.url}/v1/health/providers`)
  return (body as { data: { id: string; circuit: string }[] }).data.find(({ id }) => id === 'bad')!.circuit
}

function flood(response: ServerResponse): void {
  const chunk = Buffer.alloc(1_048_576, ' ')
  const write = () => {
    while (!response.destroyed && response.write(chunk));
  }
  response.on('drain', write)
  write()
}
