import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addAccount, clientOf, type KeyedServer, startKeyedServer } from '../support/accounts.ts'
import { post } from '../support/http.ts'
import { startTestServer } from '../support/server.ts'
import { STORE_KINDS, type StorePlace, storePlace } from '../support/stores.ts'

const DIALECTS = {
  aiGateway: { path: '/v1/chat/completions', body: { messages: [{ role: 'user', content: 'Good.' }] } },
  workersAi: { path: '/client/v4/accounts/any/ai/run/@cf/huggingface/distilbert-sst-2-int8', body: { text: 'Good.' } },
  huggingFace: {
    path: '/models/distilbert/distilbert-base-uncased-finetuned-sst-2-english',
    body: { inputs: 'Good.' },
  },
}

type WithKey = { id: string; key: string; hint: string }

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  let place: StorePlace
  let server: KeyedServer
  let owner: ReturnType<typeof clientOf>
  const as = (key: string) => clientOf(server, key)
  const newKey = async (body: object = {}) => (await owner.post('/v1/keys', body)).body as WithKey

  beforeAll(async () => {
    place = await storePlace(kind)
    server = await startKeyedServer(place)
    owner = as((await addAccount(server)).key)
  })
  afterAll(async () => {
    await server.stop()
    await place[Symbol.asyncDispose]()
  })

  it('opens every dialect with one key, and none without', async () => {
    const { key } = await newKey()
    for (const { path, body } of Object.values(DIALECTS)) {
      expect((await as(key).post(path, body)).status).toBe(200)
      expect((await post(server.url + path, body)).status).toBe(401)
      expect((await as(`${key.slice(0, -1)}${key.endsWith('a') ? 'b' : 'a'}`).post(path, body)).status).toBe(401)
    }
    expect((await as(`${key}x`).classify()).body).toMatchObject({
      error: { message: expect.stringContaining('mistyped') },
    })
  })

  it('is shown once, and kept as nothing that opens anything', async () => {
    const { id, key } = await newKey({ name: 'for the shop' })
    const shown = JSON.stringify([(await owner.get(`/v1/keys/${id}`)).body, (await owner.get('/v1/keys')).body])
    expect(shown).toContain('for the shop')
    expect(shown).not.toContain(key)
    if (kind === 'postgres') {
      const { rows } = await (await place.open()).executeSql('select * from api_key_secrets')
      expect(JSON.stringify(rows)).not.toContain(key.slice(7))
    }
    expect(server.output()).not.toContain(key)
  })

  it('ends when it is revoked, and when it expires', async () => {
    const revoked = await newKey()
    expect((await as(revoked.key).classify()).status).toBe(200)
    expect((await owner.delete(`/v1/keys/${revoked.id}`)).body).toMatchObject({ status: 'ok' })
    expect((await as(revoked.key).classify()).body).toMatchObject({
      error: { message: expect.stringContaining('revoked') },
    })
    expect((await owner.delete(`/v1/keys/${revoked.id}`)).status).toBe(404)

    const expired = await newKey({ expires_at: Math.floor(Date.now() / 1000) - 1 })
    expect(await as(expired.key).classify()).toMatchObject({
      status: 401,
      body: { error: { type: 'authentication_error', message: expect.stringContaining('expired') } },
    })
    await owner.patch(`/v1/keys/${expired.id}`, { expires_at: null })
    expect((await as(expired.key).classify()).status).toBe(200)
  })

  it('lives on through a rotation until the new one is used', async () => {
    const old = await newKey()
    const unused = (await owner.post(`/v1/keys/${old.id}/rotate`)).body as WithKey
    const next = (await owner.post(`/v1/keys/${old.id}/rotate`)).body as WithKey
    expect(next.id).toBe(old.id)
    expect((await as(old.key).classify()).status).toBe(200)
    // A next key that was never used gives way to another.
    expect((await as(unused.key).classify()).status).toBe(401)
    expect((await as(next.key).classify()).status).toBe(200)
    expect(await as(old.key).classify()).toMatchObject({
      status: 401,
      body: { error: { message: expect.stringContaining('rotated') } },
    })
    // It may rotate itself, without the right to manage keys.
    await owner.patch(`/v1/keys/${old.id}`, { rate_limit_rpm: 1000 })
    expect((await as(next.key).get('/v1/keys')).status).toBe(403)
    expect((await as(next.key).post(`/v1/keys/${old.id}/rotate`)).status).toBe(200)
  })

  it('reaches the models of its scope, by whatever name they are called', async () => {
    const { key } = await newKey({ allowed_models: ['huggingface/*'] })
    for (const { path, body } of Object.values(DIALECTS)) expect((await as(key).post(path, body)).status).toBe(200)
    const elsewhere = { model: 'valence/minilm-sst-2-int8', input: 'Good.' }
    expect(await as(key).post('/v1/classifications', elsewhere)).toMatchObject({
      status: 403,
      body: { error: { type: 'scope_exceeded', code: 403, param: 'model' } },
    })
    expect(await as(key).post('/models/valence/minilm-sst-2-int8', { inputs: 'Good.' })).toMatchObject({
      status: 403,
      body: { error: expect.stringContaining('may not use') },
    })
    expect(
      await as(key).post('/client/v4/accounts/any/ai/run/@cf/valence/minilm-sst-2-int8', { text: 'Good.' }),
    ).toMatchObject({ status: 403, body: { success: false, errors: [{ code: 5018 }] } })
  })

  it('gives a key with a scope, or of a sub-account, no way out of it', async () => {
    const scoped = await newKey({ rate_limit_rpm: 1000 })
    const sub = (await owner.post('/v1/sub-accounts', { name: 'customer' })).body as WithKey
    for (const key of [scoped.key, sub.key]) {
      for (const path of ['/v1/keys', '/v1/sub-accounts']) {
        expect(await as(key).post(path, { name: 'mine' })).toMatchObject({
          status: 403,
          body: { error: { type: 'scope_exceeded' } },
        })
      }
      expect((await as(key).post('/v1/budgets', { tag: 'a', monthly_cap_cents: 1 })).status).toBe(403)
      expect((await as(key).patch(`/v1/keys/${scoped.id}`, { rate_limit_rpm: null })).status).toBe(403)
    }
    // Only the operator makes operators, and meets accounts.
    expect((await owner.post('/v1/keys', { is_admin: true })).status).toBe(403)
    expect((await owner.get('/v1/accounts')).status).toBe(403)
    expect((await as(server.adminKey).post('/v1/keys', { is_admin: true })).status).toBe(201)
  })

  it('makes, changes and ends sub-accounts in the published shapes', async () => {
    const made = await owner.post('/v1/sub-accounts', {
      name: 'Acme',
      external_ref: 'crm-7',
      spend_cap_cents: 500,
      rate_limit_rpm: 60,
      default_tag: 'acme',
      allowed_models: ['huggingface/*'],
    })
    expect(made).toMatchObject({
      status: 201,
      body: {
        id: expect.stringMatching(/^sa_/),
        name: 'Acme',
        external_ref: 'crm-7',
        spend_cap_cents: 500,
        rate_limit_rpm: 60,
        default_tag: 'acme',
        allowed_models: ['huggingface/*'],
        created_at: expect.any(Number),
      },
    })
    const { id, key, scoped_key: again } = made.body as WithKey & { scoped_key: string }
    expect(again).toBe(key)
    expect((await owner.get(`/v1/sub-accounts/${id}`)).body).not.toHaveProperty('key')
    expect((await owner.get('/v1/sub-accounts')).body).toMatchObject({
      object: 'list',
      data: expect.arrayContaining([expect.objectContaining({ id })]),
    })
    expect((await owner.patch(`/v1/sub-accounts/${id}`, { spend_cap_cents: 900 })).body).toMatchObject({
      name: 'Acme',
      spend_cap_cents: 900,
    })
    expect((await as(key).classify()).status).toBe(200)
    expect((await owner.get(`/v1/sub-accounts/${id}/usage?window=30d`)).body).toMatchObject({
      summary: { requests: 1, cost_cents: 0 },
      by_model: [{ model_id: 'huggingface/distilbert-sst-2-int8', requests: 1 }],
      by_day: [{ date: new Date().toISOString().slice(0, 10), requests: 1 }],
    })
    expect((await owner.delete(`/v1/sub-accounts/${id}`)).body).toMatchObject({ status: 'ok' })
    expect((await as(key).classify()).status).toBe(401)
    expect((await owner.get(`/v1/sub-accounts/${id}`)).status).toBe(404)
  })

  it('refuses values that mean nothing, and says which field', async () => {
    for (const [body, field] of [
      [{ name: 'a\u0000b' }, 'name'],
      [{ spend_cap_cents: -1 }, 'spend_cap_cents'],
      [{ rate_limit_rpm: 1.5 }, 'rate_limit_rpm'],
      [{ allowed_models: ['\ud800'] }, 'allowed_models[0]'],
    ] as const) {
      expect(await owner.post('/v1/keys', body)).toMatchObject({ status: 400, body: { error: { param: field } } })
    }
    expect((await owner.get('/v1/keys?limit=0')).status).toBe(400)
    expect((await owner.get('/v1/keys/%00')).status).toBe(400)
  })

  it('pages through lists', async () => {
    const other = as((await addAccount(server)).key)
    for (let index = 0; index < 5; index++) await other.post('/v1/sub-accounts', { name: `sub ${index}` })
    const names: string[] = []
    let after = ''
    for (;;) {
      const { body } = await other.get(`/v1/sub-accounts?limit=2${after && `&after=${after}`}`)
      const { data, has_more: more } = body as { data: { id: string; name: string }[]; has_more: boolean }
      names.push(...data.map(({ name }) => name))
      if (!more) break
      after = data.at(-1)!.id
    }
    expect(names).toEqual(['sub 4', 'sub 3', 'sub 2', 'sub 1', 'sub 0'])
  })
})

it('an open server takes any key, but none that has ended', async () => {
  await using place = await storePlace('embedded')
  const closed = await startKeyedServer(place)
  const { key } = await addAccount(closed)
  const owner = clientOf(closed, key)
  const revoked = (await owner.post('/v1/keys', {})).body as WithKey
  await owner.delete(`/v1/keys/${revoked.id}`)
  await closed.stop()

  const open = await startTestServer([], place.env)
  expect((await clientOf(open, 'sk-aig-of-somebody-elses-server').classify()).status).toBe(200)
  expect((await clientOf(open, 'anything').classify()).status).toBe(200)
  expect((await clientOf(open, key).classify()).status).toBe(200)
  expect((await clientOf(open, revoked.key).classify()).status).toBe(401)
  // Whoever is let in is no operator, and cannot become one.
  const stranger = clientOf(open, 'anything')
  expect((await stranger.get('/v1/accounts')).status).toBe(403)
  expect((await stranger.get('/v1/keys')).body).toMatchObject({ data: [] })
  expect((await stranger.post('/v1/keys', { is_admin: true })).status).toBe(403)
  const { data } = (await clientOf(open, closed.adminKey).get('/v1/keys')).body as { data: WithKey[] }
  expect(data).toHaveLength(1)
  const admin = `/v1/keys/${data[0]!.id}`
  expect((await stranger.get(admin)).status).toBe(404)
  expect((await stranger.post(`${admin}/rotate`)).status).toBe(404)
  expect((await stranger.patch(admin, { rate_limit_rpm: 1 })).status).toBe(404)
  expect((await stranger.delete(admin)).status).toBe(404)
  await open.stop()
})

it('an operator whose only key has expired gets another at the next start', async () => {
  await using place = await storePlace('embedded')
  const first = await startKeyedServer(place)
  const operator = clientOf(first, first.adminKey)
  const { data } = (await operator.get('/v1/keys')).body as { data: WithKey[] }
  expect((await operator.patch(`/v1/keys/${data[0]!.id}`, { expires_at: 1 })).status).toBe(200)
  expect((await operator.get('/v1/accounts')).status).toBe(401)
  await first.stop()

  const next = await startKeyedServer(place)
  expect(next.adminKey).not.toBe(first.adminKey)
  expect((await clientOf(next, next.adminKey).get('/v1/accounts')).status).toBe(200)
  expect((await clientOf(next, first.adminKey).get('/v1/accounts')).status).toBe(401)
  await next.stop()
})
