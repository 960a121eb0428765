import { rmSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { InferenceClient } from '@huggingface/inference'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { newCache, removeCaches } from '../support/cache.ts'
import { get, post, type Reply } from '../support/http.ts'
import { type FakeHub, type Seen, startFakeHub } from '../support/hub.ts'
import { bytesInMemory, KINDS, type Kind, putModel, repoOf } from '../support/hub-models.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'

const commitOf = (kind: Kind) => String(KINDS.indexOf(kind) + 1).repeat(40)
const nameOf = (kind: Kind) => `lab/${kind}`

let hub: FakeHub
let cache: string
let server: RunningServer | undefined
beforeEach(async () => {
  hub = await startFakeHub(KINDS.map((kind) => repoOf(nameOf(kind), kind, commitOf(kind))))
  cache = newCache()
  return async () => {
    await server?.stop()
    server = undefined
    await hub.close()
  }
})
afterAll(removeCaches)

async function start(flags: string[] = [], env: Record<string, string> = {}): Promise<void> {
  const settings = { VALENCE_OFFLINE: '', HF_ENDPOINT: hub.url, HF_HUB_CACHE: cache, ...env }
  server = await startTestServer(['--workers', '1', ...flags], settings)
}

function ask(model: string, headers: Record<string, string> = {}): Promise<Reply> {
  return post(`${server!.url}/models/${model}`, { inputs: 'w1 w2 w3', parameters: { top_k: null } }, headers)
}

const downloads = () => hub.seen.filter(({ server, method }) => server === 'cdn' && method === 'GET')
const ofLab = ({ path }: Seen) => path.includes('lab/')

/** Lets the weights come half, and the rest when the function that it gives is called. */
function holdWeights(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  hub.fault = ({ server, method }) => (server === 'cdn' && method === 'GET' ? { until: promise } : undefined)
  return resolve
}

async function loadedModels(): Promise<string[]> {
  const { body } = await get(`${server!.url}/v1/models`)
  return (body as { data: { id: string }[] }).data.map(({ id }) => id).filter((id) => id.startsWith('lab/'))
}

it('each family is fetched, converted and loaded by its id, once, whoever asks first and in whichever API', async () => {
  await start(['--allow-models', 'lab/*'])
  for (const kind of KINDS) {
    const name = nameOf(kind)
    const first = await Promise.all([
      ...Array.from({ length: 4 }, () => ask(name)),
      post(`${server!.url}/v1/classifications`, { model: name, input: 'w1 w2 w3' }),
      post(`${server!.url}/v1/chat/completions`, { model: name, messages: [{ role: 'user', content: 'w1 w2 w3' }] }),
      post(`${server!.url}/client/v4/accounts/a/ai/run/@hf/${name}`, { text: 'w1 w2 w3' }),
      post(`${server!.url}/hf-inference/models/${encodeURIComponent(name)}`, { inputs: 'w1 w2 w3' }),
    ])
    expect(first.map(({ status }) => status)).toEqual(first.map(() => 200))
    const { body, headers } = first[0]
    const [ranking] = body as { label: string; score: number }[][]
    for (const other of first.slice(1, 4)) expect(other.body).toEqual([ranking])
    expect(first[4]!.body).toMatchObject({ model: name, data: [{ label: ranking![0]!.label }] })
    expect(first[5]!.body).toMatchObject({ choices: [{ message: { content: ranking![0]!.label } }] })
    expect(first[6]!.body).toMatchObject({ result: expect.arrayContaining(ranking!) })
    expect(headers.get('x-sha')).toBe(commitOf(kind))
  }
  expect(downloads()).toHaveLength(KINDS.length)
  expect(await loadedModels()).toEqual(KINDS.map(nameOf))
})

it('a model leaves for another when the memory for both is not there, and comes back the same', async () => {
  const [a, b] = ['distilbert', 'bert'] as const
  const budget = Math.max(await bytesInMemory(a), await bytesInMemory(b)) + 1000
  await start(['--allow-models', 'lab/*', '--model-memory-bytes', String(budget)])
  const first = await ask(nameOf(a))
  expect(await loadedModels()).toEqual([nameOf(a)])
  const second = await ask(nameOf(b))
  expect(await loadedModels()).toEqual([nameOf(b)])
  expect((await ask(nameOf(a), { 'x-cache': 'skip' })).body).toEqual(first.body)
  expect((await ask(nameOf(b), { 'x-cache': 'skip' })).body).toEqual(second.body)
  expect(downloads()).toHaveLength(2)
})

it('who was used last stays, and whoever uses a model that has to leave still has its answer', async () => {
  const sizes = await Promise.all(KINDS.slice(0, 3).map(bytesInMemory))
  const budget = sizes.reduce((sum, bytes) => sum + bytes, 0) - 1
  await start(['--allow-models', 'lab/*', '--model-memory-bytes', String(budget)])
  await ask('lab/distilbert')
  await ask('lab/bert')
  await ask('lab/distilbert')
  await ask('lab/roberta')
  expect(await loadedModels()).toEqual(['lab/distilbert', 'lab/roberta'])

  const turns = Array.from({ length: 60 }, (_, turn) => nameOf(KINDS[turn % 3]!))
  const replies = await Promise.all(turns.map((name) => ask(name, { 'x-cache': 'skip', 'x-wait-for-model': 'true' })))
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]))
  const bodies = turns.map((name, turn) => JSON.stringify([name, replies[turn]!.body]))
  expect(new Set(bodies).size).toBe(3)
})

it('one that takes more than the memory there is is refused, and is TooBig', async () => {
  await start(['--allow-models', 'lab/*', '--model-memory-bytes', String((await bytesInMemory('bert')) - 1)])
  expect(await ask('lab/bert')).toMatchObject({
    status: 400,
    body: { error: expect.stringMatching(/takes about \d+ MB of memory; --model-memory-bytes leaves \d+ MB/) },
  })
  expect((await get(`${server!.url}/status/lab/bert`)).body).toMatchObject({ loaded: false, state: 'TooBig' })
})

describe('without a place on the list of models that may be fetched', () => {
  it.each(['lab/distilbert', '@hf/lab/distilbert', 'distilbert', '../lab/distilbert', 'lab/distilbert/../bert'])(
    '%s does not exist, and the Hub is not asked',
    async (name) => {
      await start(['--allow-models', 'lab/bert,other/*'])
      const path = encodeURIComponent(name)
      expect(await ask(path)).toMatchObject({ status: 404, body: { error: `Model ${name} does not exist` } })
      expect((await get(`${server!.url}/status/${path}`)).status).toBe(404)
      expect(hub.seen.filter(ofLab)).toEqual([])
    },
  )

  it('what the operator put into the models folder, or fetched, is answered', async () => {
    await start(['--allow-models', 'lab/bert'])
    await ask('lab/bert')
    await server!.stop()
    const modelsDir = newCache()
    putModel(modelsDir, 'ours/sorter', 'roberta')
    await start(['--models-dir', modelsDir, '--offline'])
    const ours = await ask('ours/sorter')
    expect(ours).toMatchObject({ status: 200, body: [[{ label: expect.any(String) }, {}, {}]] })
    expect(ours.headers.get('x-sha')).toMatch(/^[0-9a-f]{40}$/)
    expect((await ask('lab/bert')).headers.get('x-sha')).toBe(commitOf('bert'))
    rmSync(modelsDir, { recursive: true })
  })

  it('a star fetches no ONNX file, which is a program', async () => {
    hub.repos.push({
      id: 'lab/onnx',
      files: {
        'config.json': Buffer.from('{}'),
        'tokenizer.json': Buffer.from('{}'),
        'onnx/model.onnx': Buffer.from('x'),
      },
    })
    await start(['--allow-models', 'lab/*'])
    expect(await ask('lab/onnx')).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('no model.safetensors') },
    })
    expect(hub.seen.some(({ path }) => path.endsWith('.onnx'))).toBe(false)
  })
})

describe('a model that cannot be had', () => {
  it('does not exist, where the Hub has no such repository; the Hub is not asked again at once', async () => {
    await start(['--allow-models', '*'])
    for (let times = 0; times < 3; times++)
      expect(await ask('lab/nothing')).toMatchObject({
        status: 404,
        body: { error: 'Model lab/nothing does not exist' },
      })
    expect(hub.seen.filter(ofLab)).toHaveLength(1)
    const chat = await post(`${server!.url}/v1/chat/completions`, {
      model: 'lab/nothing',
      messages: [{ role: 'user', content: 'w1' }],
    })
    expect(chat).toMatchObject({ status: 404, body: { error: { type: 'model_not_found' } } })
  })

  it.each<[string, () => void, RegExp]>([
    ['it is gated', () => (hub.repos[0]!.access = 'gated'), /lab\/distilbert is gated: ask for access .* HF_TOKEN/],
    [
      'it is no classifier of ours',
      () => edit({ model_type: 'xlm-roberta' }),
      /config\.json: model_type "xlm-roberta" is not/,
    ],
    [
      'its weights are broken',
      () => (hub.repos[0]!.files['model.safetensors'] = Buffer.from('nonsense')),
      /model\.safetensors/,
    ],
  ])('says what is wrong where %s, and shows no path', async (_, breakIt, reason) => {
    breakIt()
    await start(['--allow-models', 'lab/*'])
    const { status, body } = await ask('lab/distilbert')
    expect(status).toBe(400)
    expect((body as { error: string }).error).toMatch(reason)
    expect((body as { error: string }).error).not.toContain(cache)
    expect((await ask('lab/bert')).status).toBe(200)
  })

  function edit(fields: Record<string, unknown>): void {
    const { files } = hub.repos[0]!
    files['config.json'] = Buffer.from(JSON.stringify({ ...JSON.parse(files['config.json']!.toString()), ...fields }))
  }

  it('says so where the server stays offline', async () => {
    await start(['--allow-models', 'lab/*', '--offline'])
    expect(await ask('lab/bert')).toMatchObject({ status: 400, body: { error: expect.stringContaining('offline') } })
    expect(hub.seen).toEqual([])
  })
})

describe('while a model is loading', () => {
  it('requests wait as long as they are held, then hear when to come back; who asks to wait, waits', async () => {
    const release = holdWeights()
    await start(['--allow-models', 'lab/*', '--model-hold-ms', '300'])
    const patient = Promise.all([
      ask('lab/bert', { 'x-wait-for-model': 'true' }),
      post(`${server!.url}/models/lab/bert`, { inputs: 'w1', options: { wait_for_model: true } }),
    ])
    const startedAt = performance.now()
    expect(await ask('lab/bert')).toMatchObject({
      status: 503,
      body: { error: 'Model lab/bert is currently loading', estimated_time: expect.any(Number) },
    })
    expect(performance.now() - startedAt).toBeGreaterThan(290)
    expect((await get(`${server!.url}/status/lab/bert`)).body).toEqual({
      loaded: false,
      state: 'Loadable',
      compute_type: 'cpu',
      framework: 'transformers',
    })
    const chat = await post(`${server!.url}/v1/classifications`, { model: 'lab/bert', input: 'w1' })
    expect(chat).toMatchObject({ status: 503, body: { error: { type: 'service_unavailable' } } })
    expect(Number(chat.headers.get('retry-after'))).toBeGreaterThan(0)
    release()
    expect((await patient).map(({ status }) => status)).toEqual([200, 200])
    expect((await get(`${server!.url}/status/lab/bert`)).body).toMatchObject({ loaded: true, state: 'Loaded' })
  })

  it('the npm client, which repeats a 503 without a pause, is held back, and gets its answer', async () => {
    const release = holdWeights()
    await start(['--allow-models', 'lab/*', '--model-hold-ms', '400'])
    let requests = 0
    const counting: typeof fetch = (...request) => {
      requests++
      return fetch(...request)
    }
    const client = new InferenceClient('any', { endpointUrl: `${server!.url}/models/lab/bert` })
    const answer = client.textClassification({ inputs: 'w1' }, { fetch: counting })
    await setTimeout(1500)
    expect(requests).toBeLessThanOrEqual(5)
    release()
    expect((await answer)[0]).toMatchObject({ label: expect.any(String) })
  })

  it('who says not to load it does not', async () => {
    await start(['--allow-models', 'lab/*'])
    expect(await ask('lab/bert', { 'x-load-model': '0' })).toMatchObject({ status: 503 })
    expect(hub.seen.filter(ofLab)).toEqual([])
  })

  it('a client that goes away does not stop it for others, and stopping the server does', async () => {
    const release = holdWeights()
    await start(['--allow-models', 'lab/*'])
    const gone = new AbortController()
    const first = fetch(`${server!.url}/models/lab/bert`, {
      method: 'POST',
      body: '{"inputs":"w1"}',
      signal: gone.signal,
    })
    first.catch(() => {})
    while (downloads().length === 0) await setTimeout(20)
    gone.abort()
    const second = ask('lab/bert')
    release()
    expect((await second).status).toBe(200)
    expect(downloads()).toHaveLength(1)
    holdWeights()
    void ask('lab/roberta').catch(() => {})
    while (downloads().length === 1) await setTimeout(20)
    expect(await server!.stop()).toBe(0)
  })

  it('others are answered', async () => {
    holdWeights()
    await start(['--allow-models', 'lab/*'])
    void ask('lab/bert').catch(() => {})
    while (downloads().length === 0) await setTimeout(20)
    expect((await ask('valence/minilm-sst-2-int8')).status).toBe(200)
  })
})

it('what the Hub knows by two names is loaded once', async () => {
  hub.repos.push({ ...hub.repos[1]!, id: 'Lab/BERT' })
  await start(['--allow-models', '*'])
  const [one, other] = await Promise.all([ask('lab/bert'), ask('Lab/BERT')])
  expect(other.body).toEqual(one.body)
  expect((await get(`${server!.url}/v1/models`)).body).toMatchObject({ data: { length: 3 } })
})

it('a name in another case means the same model: it is fetched once, loaded once, and goes by the name that the Hub has', async () => {
  await start(['--allow-models', 'LAB/*'])
  const names = ['lab/BERT', 'Lab/bert', 'lab/bert', 'LAB/BERT']
  const replies = await Promise.all(names.map((name) => ask(name)))
  expect(replies.map(({ status }) => status)).toEqual(names.map(() => 200))
  expect(await loadedModels()).toEqual(['lab/bert'])
  expect(downloads()).toHaveLength(1)
  expect((await get(`${server!.url}/status/LAB/BERT`)).body).toMatchObject({ loaded: true })
  const chat = await post(`${server!.url}/v1/classifications`, { model: 'lab/BERT', input: 'w1' })
  expect(chat).toMatchObject({ status: 200, body: { model: 'lab/bert' } })
})

it('a name of the catalog in another case means the catalog’s model, and fetches nothing', async () => {
  await start(['--allow-models', '*', '--offline'])
  const name = 'DistilBERT/distilbert-base-uncased-finetuned-SST-2-English'
  const reply = await ask(name)
  expect(reply.status).toBe(200)
  expect(reply.headers.get('x-valence-served-model')).toBe('valence/minilm-sst-2-int8')
  expect((await get(`${server!.url}/status/${name}`)).body).toMatchObject({ loaded: true })
})
