import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeEach, expect, it } from 'vitest'
import { newCache, removeCaches } from '../support/cache.ts'
import { get, post } from '../support/http.ts'
import { type FakeHub, type FakeRepo, type Seen, sha256, startFakeHub } from '../support/hub.ts'
import { repoWithRandomDistilbert } from '../support/local-model.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'

const MODEL = 'huggingface/distilbert-sst-2-int8'
const EMBEDDED = 'valence/minilm-sst-2-int8'

let repo: FakeRepo
let hub: FakeHub
let cache: string
let server: RunningServer | undefined
beforeEach(async () => {
  repo = repoWithRandomDistilbert()
  hub = await startFakeHub([repo])
  cache = newCache()
  return async () => {
    await server?.stop()
    server = undefined
    await hub.close()
  }
})
afterAll(removeCaches)

const toCdn = ({ server, method }: Seen) => server === 'cdn' && method === 'GET'

async function start(flags: string[] = [], env: Record<string, string> = {}): Promise<RunningServer> {
  const settings = { VALENCE_OFFLINE: '', HF_ENDPOINT: hub.url, HF_HUB_CACHE: cache, ...env }
  server = await startTestServer(['--workers', '1', ...flags], settings)
  return server
}

/** Lets the weights come half, and the rest when the function that it gives is called. */
function holdWeights(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  hub.fault = (seen) => (toCdn(seen) ? { until: promise } : undefined)
  return resolve
}

function ask() {
  return post(`${server!.url}/models/${MODEL}`, { inputs: 'w1 w2' })
}

async function statusOf(path: string): Promise<{ status: string; reason: string | null; served_by: string | null }> {
  const { body } = await get(server!.url + path)
  const { models, data } = body as Record<string, [never] | undefined>
  return (models ?? data)![0]
}

async function until(path: string, holds: (status: Awaited<ReturnType<typeof statusOf>>) => boolean): Promise<void> {
  while (!holds(await statusOf(path))) await setTimeout(20)
}

it('the embedded model answers and says so until they are here; then they do, and at the next start at once', async () => {
  const release = holdWeights()
  await start()
  for (const path of ['/health', '/v1/models']) {
    await until(path, ({ reason }) => /weights are being downloaded: [1-9]\d?%/.test(reason ?? ''))
    expect(await statusOf(path)).toMatchObject({ status: 'substituted', served_by: EMBEDDED })
  }
  expect((await ask()).headers.get('x-valence-served-model')).toBe(EMBEDDED)
  expect(await get(`${server!.url}/ready`)).toMatchObject({ status: 200 })

  release()
  for (const path of ['/health', '/v1/models']) {
    await until(path, ({ status }) => status === 'ready')
    expect(await statusOf(path)).toMatchObject({ reason: null, served_by: MODEL })
  }
  const answer = await ask()
  expect(answer.status).toBe(200)
  expect(answer.headers.has('x-valence-served-model')).toBe(false)
  expect(server!.output()).not.toContain('"level"')
  expect(hub.seen.some(({ path }) => path.includes('README'))).toBe(false)
  await server!.stop()

  hub.seen.length = 0
  await start()
  expect(await statusOf('/health')).toMatchObject({ status: 'ready' })
  expect((await ask()).body).toEqual(answer.body)
  expect(hub.seen).toEqual([])
})

it('no request fails while they take over', async () => {
  const release = holdWeights()
  await start()
  const answers: Awaited<ReturnType<typeof ask>>[] = []
  const done = new AbortController()
  const clients = Array.from({ length: 4 }, async () => {
    while (!done.signal.aborted) answers.push(await ask())
  })
  release()
  await until('/health', ({ status }) => status === 'ready')
  answers.push(await ask())
  done.abort()
  await Promise.all(clients)
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  expect(answers.some(({ headers }) => headers.has('x-valence-served-model'))).toBe(true)
  expect(answers.at(-1)!.headers.has('x-valence-served-model')).toBe(false)
})

it('with --strict-models requests are refused until they are here', async () => {
  const release = holdWeights()
  await start(['--strict-models'])
  await until('/health', ({ reason }) => reason?.includes('%') === true)
  const refused = await ask()
  expect(refused.status).toBeGreaterThanOrEqual(400)
  expect(JSON.stringify(refused.body)).toContain('being downloaded')
  release()
  await until('/health', ({ status }) => status === 'ready')
  expect((await ask()).status).toBe(200)
})

it('stopping in the middle is prompt, and the next start goes on from there', async () => {
  holdWeights()
  await start()
  const hash = sha256(repo.files['model.safetensors']!)
  const partial = join(
    cache,
    'models--distilbert--distilbert-base-uncased-finetuned-sst-2-english/blobs',
    `${hash}.incomplete`,
  )
  const bytesHere = () => statSync(partial, { throwIfNoEntry: false })?.size ?? 0
  while (bytesHere() === 0) await setTimeout(20)
  expect(await server!.stop()).toBe(0)
  const had = bytesHere()

  hub.fault = () => undefined
  hub.seen.length = 0
  await start()
  await until('/health', ({ status }) => status === 'ready')
  expect(hub.seen.filter(toCdn).map(({ headers }) => headers.range)).toEqual([`bytes=${had}-`])
})

it.each<[string, () => void, RegExp]>([
  ['the Hub has not got it', () => (hub.repos.length = 0), /no repository distilbert\/distilbert.*HF_TOKEN/],
  ['it is not a model of ours', () => (repo.files = {}), /has no config\.json and no model\.safetensors/],
  ['it cannot be read', () => (repo.files['model.safetensors'] = Buffer.from('nonsense')), /the log has the cause/],
])('where %s, one line of the log and /health say so, and it is left at that', async (_, breakIt, reason) => {
  breakIt()
  await start()
  await until('/health', (status) => reason.test(status.reason ?? ''))
  expect((await ask()).headers.get('x-valence-served-model')).toBe(EMBEDDED)
  const asked = hub.seen.length
  await setTimeout(500)
  expect(hub.seen.length).toBe(asked)
  expect(logLines()).toMatchObject([{ level: 40, model: MODEL, tries: 1, msg: 'a model could not be fetched' }])
  expect(logLines()[0]).not.toHaveProperty('nextTryMs')
})

it('what lies in the cache and cannot be read does not keep the server from starting', async () => {
  repo.files['model.safetensors'] = Buffer.from('nonsense')
  await start()
  await until('/health', ({ reason }) => /could not be loaded/.test(reason ?? ''))
  await server!.stop()
  await start(['--offline'])
  expect(await statusOf('/health')).toMatchObject({
    status: 'substituted',
    reason: expect.stringContaining('cannot be read'),
  })
  expect(logLines()).toMatchObject([{ level: 40, model: MODEL, msg: 'a model in the cache cannot be read' }])
  expect((await ask()).status).toBe(200)
})

it('where there is no network, one line of the log and /health say so and when it is tried again', async () => {
  await hub.close()
  await start()
  await until('/health', ({ reason }) => /cannot be reached.*Next try in 1 min/.test(reason ?? ''))
  expect((await ask()).headers.get('x-valence-served-model')).toBe(EMBEDDED)
  expect(logLines()).toMatchObject([{ level: 40, tries: 1, nextTryMs: 60_000 }])
  // A pause before the next try does not keep the server.
  expect(await server!.stop()).toBe(0)
})

it.each([
  [['--offline'], {}],
  [[], { VALENCE_OFFLINE: '1' }],
  [[], { HF_HUB_OFFLINE: 'yes' }],
])('offline (%j %j) nobody is asked', async (flags, env) => {
  await start(flags, env)
  expect(await statusOf('/health')).toMatchObject({ status: 'substituted', reason: expect.stringContaining('offline') })
  await setTimeout(200)
  expect(hub.seen).toEqual([])
})

it('the token is asked of nobody but the Hub, and no log has it', async () => {
  repo.access = 'private'
  await start([], { HF_TOKEN: 'hf_other', VALENCE_LOG_LEVEL: 'trace' })
  await until('/health', ({ reason }) => /no repository/.test(reason ?? ''))
  expect(hub.seen[0]!.headers.authorization).toBe('Bearer hf_other')
  expect(server!.output()).not.toContain('hf_other')
})

function logLines(): Record<string, unknown>[] {
  return server!
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
}
