import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addAccount, clientOf, type KeyedServer, priced, startKeyedServer } from '../support/accounts.ts'
import { STORE_KINDS, type StorePlace, storePlace } from '../support/stores.ts'

/** What stands in every object of the victim's that has a name of its own. */
const MARK = 'mark-of-the-victim'

/** Parameters that name no tenant's object. */
const NAMES_NOTHING = new Set(['account', 'model', 'first', 'second', 'third'])

/** What routes want in their bodies before they look at whose an object is. */
const BODIES: Record<string, object> = {
  'PATCH /v1/keys/{id}': { name: 'taken' },
  'PATCH /v1/sub-accounts/{id}': { name: 'taken' },
  'PATCH /v1/accounts/{id}': { name: 'taken' },
  'POST /v1/accounts/{id}/top-ups': { amount_cents: 1 },
}

type Paths = Record<string, Record<string, unknown>>
type WithKey = { id: string; key: string }

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  let place: StorePlace
  let server: KeyedServer
  let paths: Paths
  let victim: ReturnType<typeof clientOf>
  /** every kind of id that the victim has */
  let ids: string[]
  /** those who try: a stranger, a stranger's sub-account, and the victim's own sub-account */
  let attackers: Record<string, ReturnType<typeof clientOf>>

  beforeAll(async () => {
    place = await storePlace(kind)
    server = await startKeyedServer(place, priced(place, 1))
    paths = ((await clientOf(server, server.adminKey).get('/openapi.json')).body as { paths: Paths }).paths
    const account = await addAccount(server, { name: MARK, creditMicros: 1_000_000 })
    victim = clientOf(server, account.key)
    const stranger = await addAccount(server, { creditMicros: 1_000_000 })
    const make = async (path: string, body: object) => {
      const reply = await victim.post(path, body)
      expect(reply.status, `${path}: ${JSON.stringify(reply.body)}`).toBeLessThan(300)
      return reply.body as WithKey
    }
    const key = await make('/v1/keys', { name: MARK })
    const sub = await make('/v1/sub-accounts', { name: MARK })
    const sibling = await make('/v1/sub-accounts', { name: 'the attacker within' })
    const budget = await make('/v1/budgets', { tag: MARK, monthly_cap_cents: 50 })
    const file = await upload(server, account.key)
    const batch = await make('/v1/batches', {
      input_file_id: file.id,
      endpoint: '/v1/classifications',
      completion_window: '24h',
    })
    const evaluation = await make('/v1/evals', {
      name: MARK,
      candidate_models: ['valence/minilm-sst-2-int8'],
      dataset: [{ input: 'Good.', expected: 'POSITIVE' }],
      metric: 'quality',
    })
    await victim.classify(MARK, { 'x-request-id': MARK, 'x-aig-tag': MARK })
    ids = [account.id, key.id, sub.id, budget.id, file.id, batch.id, evaluation.id]
    const strangersSub = (await clientOf(server, stranger.key).post('/v1/sub-accounts', { name: 's' })).body as WithKey
    attackers = {
      stranger: clientOf(server, stranger.key),
      "stranger's sub-account": clientOf(server, strangersSub.key),
      'sub-account beside': clientOf(server, sibling.key),
    }
  }, 60_000)
  afterAll(async () => {
    await server.stop()
    await place[Symbol.asyncDispose]()
  })

  it("finds none of another's objects by its id, on any route", async () => {
    let tried = 0
    for (const [path, operations] of Object.entries(paths)) {
      const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)
      if (parameters.length === 0 || parameters.some((name) => NAMES_NOTHING.has(name))) continue
      for (const method of Object.keys(operations)) {
        for (const id of ids) {
          for (const [who, attacker] of Object.entries(attackers)) {
            const address = path.replaceAll(/\{\w+\}/g, id)
            const { status, body } = await attacker.send(
              method.toUpperCase(),
              address,
              BODIES[`${method.toUpperCase()} ${path}`],
            )
            const what = `${who}: ${method} ${address} → ${status} ${JSON.stringify(body)}`
            // A signed link speaks for itself, and without its signature for nobody; what asks for more has not looked yet.
            expect([400, 401, 403, 404], what).toContain(status)
            if (status === 400) expect(path, what).toMatch(/\/(public|signed)$/)
            expect(what).not.toContain(MARK)
            tried++
          }
        }
      }
    }
    expect(tried).toBeGreaterThan(300)
  })

  it("lists and sums nothing of another's", async () => {
    for (const [path, operations] of Object.entries(paths)) {
      if (path.includes('{') || !('get' in operations) || path.endsWith('/sse')) continue
      for (const [who, attacker] of Object.entries(attackers)) {
        const { body } = await attacker.send('GET', path)
        const answer = `${who}: ${path}: ${JSON.stringify(body)}`
        expect(answer).not.toContain(MARK)
        for (const id of ids) expect(answer).not.toContain(id)
      }
    }
  })

  it("makes nothing of another's its own by naming it", async () => {
    const [accountId, , subId, , fileId, , evalId] = ids
    for (const attacker of Object.values(attackers)) {
      const answers = [
        await attacker.post('/v1/keys', { account_id: accountId }),
        await attacker.post('/v1/keys', { account_id: subId }),
        await attacker.get(`/v1/keys?account_id=${accountId}`),
        await attacker.get(`/v1/keys?account_id=${subId}`),
        await attacker.post('/v1/batches', {
          input_file_id: fileId,
          endpoint: '/v1/classifications',
          completion_window: '24h',
        }),
        await attacker.post('/v1/replays', { source_request_id: MARK, target_model: 'valence/minilm-sst-2-int8' }),
        await attacker.post('/v1/classifications', { model: `eval:${evalId}`, input: 'Good.' }),
      ]
      for (const { status, body } of answers) {
        expect([400, 403, 404], JSON.stringify(body)).toContain(status)
        expect(JSON.stringify(body)).not.toContain('POSITIVE')
      }
    }
  })

  it('leaves everything as it was', async () => {
    const [, keyId, subId, budgetId, fileId, batchId, evalId] = ids
    expect((await victim.get(`/v1/keys/${keyId}`)).body).toMatchObject({ name: MARK, revoked_at: null })
    expect((await victim.get(`/v1/sub-accounts/${subId}`)).body).toMatchObject({ name: MARK })
    expect((await victim.get('/v1/budgets')).body).toMatchObject({ data: [{ id: budgetId }] })
    expect((await victim.get(`/v1/files/${fileId}`)).status).toBe(200)
    expect((await victim.get(`/v1/batches/${batchId}`)).body).not.toMatchObject({ status: 'cancelled' })
    expect((await victim.get(`/v1/evals/${evalId}`)).status).toBe(200)
  })
})

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
