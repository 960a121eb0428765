import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../jobs/support.ts'
import { addAccount, clientOf, type KeyedServer, priced, startKeyedServer } from '../support/accounts.ts'
import { serverRoutes } from '../support/routes.ts'
import { STORE_KINDS, type StorePlace, storePlace } from '../support/stores.ts'

/** What stands in every object of the victim's that has a name of its own. */
const MARK = 'mark-of-the-victim'

/** The victim's own name for a call, under which it is kept. */
const REQUEST_ID = 'a-request-of-theirs'

/** Parameters of addresses that name no tenant's object: models, and Cloudflare's account, which may be any. */
const NAMES_NOTHING = new Set([':account', '*', ':first', ':second', ':third'])

/** What routes want in their bodies before they look at whose an object is. */
const BODIES: Record<string, object> = {
  'PATCH /v1/keys/:id': { name: 'taken' },
  'PATCH /v1/sub-accounts/:id': { name: 'taken' },
  'PATCH /v1/accounts/:id': { name: 'taken' },
  'POST /v1/accounts/:id/top-ups': { amount_cents: 1 },
}

/** What would be an id to a server that pasted it into its SQL, or matched it as a pattern. */
const PATTERNS = ['%25', '_%25', '*', "x'%20or%20'1'='1", '..%2f..', '%00', 'null', 'undefined', '0', '-1']

const EMBEDDED_MODEL = 'valence/minilm-sst-2-int8'

type Reader = ReturnType<typeof clientOf>
type WithKey = { id: string; key: string }
type Route = Awaited<ReturnType<typeof serverRoutes>>[number]

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  let place: StorePlace
  let server: KeyedServer
  let routes: Route[]
  let victim: Reader
  /** an id of every kind that the victim has */
  let ids: Record<(typeof KINDS_OF_IDS)[number], string>
  /** those who try: a stranger, a stranger's sub-account, and the victim's own sub-account */
  let attackers: Record<string, Reader>

  beforeAll(async () => {
    place = await storePlace(kind)
    server = await startKeyedServer(place, [...priced(place, 1), '--workers', '1', '--allow-private-webhooks'])
    routes = await serverRoutes()
    const account = await addAccount(server, { name: MARK, creditMicros: 1_000_000 })
    victim = clientOf(server, account.key)
    const stranger = await addAccount(server, { creditMicros: 1_000_000 })
    const sibling = await make(victim, '/v1/sub-accounts', { name: 'the attacker within' })
    const strangersSub = await make(clientOf(server, stranger.key), '/v1/sub-accounts', { name: 's' })
    ids = { account: account.id, ...(await oneOfEach(victim, await upload(server, account.key))) }
    attackers = {
      stranger: clientOf(server, stranger.key),
      "stranger's sub-account": clientOf(server, strangersSub.key),
      'sub-account beside': clientOf(server, sibling.key),
    }
  }, 120_000)
  afterAll(async () => {
    await server.stop()
    await place[Symbol.asyncDispose]()
  })

  it("finds none of another's objects by its id, on any route", async () => {
    const byId = routes.filter(({ url }) => namesObjects(url))
    for (const { method, url } of byId) {
      for (const id of [...Object.values(ids), ...PATTERNS]) {
        for (const [who, attacker] of Object.entries(attackers)) {
          const address = url.replaceAll(/:\w+/g, id)
          const { status, body } = await attacker.send(method, address, BODIES[`${method} ${url}`])
          const what = `${who}: ${method} ${address} → ${status} ${JSON.stringify(body)}`
          // A signed link speaks for itself, and without its signature for nobody; what asks for more has not looked yet.
          expect([400, 401, 403, 404], what).toContain(status)
          if (status === 400 && !PATTERNS.includes(id)) expect(url, what).toMatch(/\/(public|signed)$/)
          expect(what).not.toContain(MARK)
        }
      }
    }
    expect(byId.length).toBeGreaterThan(25)
  }, 120_000)

  it("lists and sums nothing of another's", async () => {
    const lists = routes.filter(({ method, url }) => method === 'GET' && !/[:*]/.test(url) && !url.endsWith('/sse'))
    for (const { url } of lists) {
      for (const [who, attacker] of Object.entries(attackers)) {
        for (const query of ['', ...Object.values(ids).map((id) => `?after=${id}`)]) {
          const answer = JSON.stringify((await attacker.send('GET', url + query)).body)
          expect(answer, `${who}: ${url}`).not.toContain(MARK)
          for (const id of Object.values(ids)) expect(answer.replaceAll(query, ''), `${who}: ${url}`).not.toContain(id)
        }
      }
    }
    expect(lists.length).toBeGreaterThan(20)
  }, 120_000)

  it("makes nothing of another's its own by naming it", async () => {
    for (const attacker of Object.values(attackers)) {
      const answers = [
        await attacker.post('/v1/keys', { account_id: ids.account }),
        await attacker.post('/v1/keys', { account_id: ids.subAccount }),
        await attacker.get(`/v1/keys?account_id=${ids.account}`),
        await attacker.get(`/v1/keys?account_id=${ids.subAccount}`),
        await attacker.post('/v1/batches', {
          input_file_id: ids.file,
          endpoint: '/v1/classifications',
          completion_window: '24h',
        }),
        await attacker.post('/v1/replays', { source_request_id: REQUEST_ID, target_model: EMBEDDED_MODEL }),
        await attacker.post('/v1/classifications', { model: `eval:${ids.evaluation}`, input: 'Good.' }),
        ...(await Promise.all(
          Object.values(ids).map((id) =>
            attacker.post(`/client/v4/accounts/a/ai/run/@cf/huggingface/distilbert-sst-2-int8`, { request_id: id }),
          ),
        )),
      ]
      for (const { status, body } of answers) {
        expect([400, 403, 404], JSON.stringify(body)).toContain(status)
        expect(JSON.stringify(body)).not.toContain('POSITIVE')
      }
    }
  })

  it('leaves everything as it was', async () => {
    expect((await victim.get(`/v1/keys/${ids.key}`)).body).toMatchObject({ name: MARK, revoked_at: null })
    expect((await victim.get(`/v1/sub-accounts/${ids.subAccount}`)).body).toMatchObject({ name: MARK })
    expect((await victim.get('/v1/budgets')).body).toMatchObject({ data: [{ id: ids.budget }] })
    expect((await victim.get(`/v1/batches/${ids.batch}`)).body).not.toMatchObject({ status: 'cancelled' })
    expect((await victim.get(`/v1/jobs/${ids.job}`)).body).toMatchObject({ status: 'completed' })
    for (const path of [
      `/v1/files/${ids.file}`,
      `/v1/evals/${ids.evaluation}`,
      `/v1/replays/${ids.replay}`,
      `/v1/replays/${ids.shadow}`,
      `/v1/webhooks/${ids.webhook}`,
      `/v1/webhooks/deliveries/${ids.delivery}`,
    ]) {
      expect((await victim.get(path)).status, path).toBe(200)
    }
    const answer = JSON.stringify((await victim.get('/v1/usage/recent')).body)
    expect(answer).toContain(MARK)
  })
})

const KINDS_OF_IDS = [
  'account',
  'key',
  'subAccount',
  'budget',
  'file',
  'batch',
  'evaluation',
  'request',
  'replay',
  'shadow',
  'webhook',
  'job',
  'delivery',
] as const

function namesObjects(url: string): boolean {
  const parameters = url.match(/:\w+|\*/g) ?? []
  return parameters.length > 0 && parameters.every((name) => !NAMES_NOTHING.has(name))
}

async function make(owner: Reader, path: string, body: object): Promise<WithKey> {
  const reply = await owner.post(path, body)
  expect(reply.status, `${path}: ${JSON.stringify(reply.body)}`).toBeLessThan(300)
  return reply.body as WithKey
}

/** Makes an object of every kind, with the mark wherever a name of the owner's goes. */
async function oneOfEach(owner: Reader, file: { id: string }) {
  const webhook = await make(owner, '/v1/webhooks', { url: `http://127.0.0.1:9/${MARK}` })
  const key = await make(owner, '/v1/keys', { name: MARK })
  const subAccount = await make(owner, '/v1/sub-accounts', { name: MARK })
  const budget = await make(owner, '/v1/budgets', { tag: MARK, monthly_cap_cents: 50 })
  const batch = await make(owner, '/v1/batches', {
    input_file_id: file.id,
    endpoint: '/v1/classifications',
    completion_window: '24h',
  })
  const evaluation = await make(owner, '/v1/evals', {
    name: MARK,
    candidate_models: [EMBEDDED_MODEL],
    dataset: [{ input: MARK, expected: 'POSITIVE' }],
    metric: 'quality',
  })
  await owner.classify(MARK, { 'x-request-id': REQUEST_ID, 'x-aig-tag': MARK, 'x-aig-store': 'true' })
  const replayOf = { source_request_id: REQUEST_ID, target_model: EMBEDDED_MODEL }
  const replay = await make(owner, '/v1/replays', replayOf)
  const shadow = await make(owner, '/v1/replays', { ...replayOf, shadow: true })
  const job = await make(owner, '/v1/classifications', { input: MARK, async: true })
  await until(
    () => owner.get(`/v1/jobs/${job.id}`),
    ({ body }) => (body as { status: string }).status === 'completed',
  )
  const deliveries = await until(
    () => owner.get('/v1/webhooks/deliveries'),
    ({ body }) => (body as { data: unknown[] }).data.length > 0,
  )
  return {
    key: key.id,
    subAccount: subAccount.id,
    budget: budget.id,
    file: file.id,
    batch: batch.id,
    evaluation: evaluation.id,
    request: REQUEST_ID,
    replay: replay.id,
    shadow: shadow.id,
    webhook: webhook.id,
    job: job.id,
    delivery: (deliveries.body as { data: { id: string }[] }).data[0]!.id,
  }
}

async function upload(server: KeyedServer, key: string): Promise<{ id: string }> {
  const line = { custom_id: 'a', method: 'POST', url: '/v1/classifications', body: { input: MARK } }
  const form = new FormData()
  form.set('purpose', 'batch')
  form.set('file', new Blob([`${JSON.stringify(line)}\n`]), `${MARK}.jsonl`)
  const reply = await fetch(`${server.url}/v1/files`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: form,
  })
  expect(reply.ok).toBe(true)
  return (await reply.json()) as { id: string }
}
