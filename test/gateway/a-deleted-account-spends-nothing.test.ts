import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { addAccount, clientOf, priced, startKeyedServer } from '../support/accounts.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'

const PRICE_MICROS = 100

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it('once it has ended: what was answered is paid for, and nothing is answered after', async () => {
    await using place = await storePlace(kind)
    const server = await startKeyedServer(place, priced(place, PRICE_MICROS))
    const operator = clientOf(server, server.adminKey)
    const { id, key } = await addAccount(server, { creditMicros: 1_000_000 })
    const owner = clientOf(server, key)
    const sub = (await owner.post('/v1/sub-accounts', { name: 'a customer' })).body as { id: string; key: string }
    const customer = clientOf(server, sub.key)

    // It ends while its calls are under way.
    const calls = Array.from({ length: 40 }, (_, index) => customer.classify(`${index} is a fine number`))
    expect(await owner.delete(`/v1/sub-accounts/${sub.id}`)).toMatchObject({ status: 200, body: { status: 'ok' } })
    const statuses = (await Promise.all(calls)).map(({ status }) => status)
    expect(new Set(statuses).isSubsetOf(new Set([200, 401]))).toBe(true)
    const answered = statuses.filter((status) => status === 200).length
    expect((await customer.classify()).status).toBe(401)
    expect((await owner.get('/v1/balance')).body).toMatchObject({
      balance_cents: (1_000_000 - answered * PRICE_MICROS) / 10_000,
      held_cents: 0,
    })

    const other = (await owner.post('/v1/sub-accounts', { name: 'another' })).body as { key: string }
    expect(await owner.delete(`/v1/accounts/${id}`)).toMatchObject({ status: 403 })
    expect(await operator.delete(`/v1/accounts/${id}`)).toMatchObject({ status: 200, body: { id, deleted: true } })
    for (const each of [owner, clientOf(server, other.key)]) expect((await each.classify()).status).toBe(401)
    expect((await operator.post(`/v1/accounts/${id}/top-ups`, { amount_cents: 1 })).status).toBe(404)
    expect((await operator.post('/v1/keys', { account_id: id })).status).toBe(404)
    expect((await operator.delete(`/v1/accounts/${id}`)).status).toBe(404)
    expect((await operator.delete('/v1/accounts/acct_local')).status).toBe(409)
    await server.stop()

    const { db } = await place.open()
    const { rows } = await sql<{ sum: number }>`select sum(amount_micros) as sum from ledger_entries`.execute(db)
    expect(rows[0]!.sum).toBe(0)
  })
})
