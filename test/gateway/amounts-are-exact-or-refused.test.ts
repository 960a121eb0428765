import { describe, expect, it } from 'vitest'
import { addAccount, clientOf, priced, startKeyedServer } from '../support/accounts.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'

/** A thousand million dollars: the most of an amount, and of a wallet. */
const MOST_CENTS = 100_000_000_000

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it('a wallet takes no more than can be counted exactly, and nobody else suffers from it', async () => {
    await using place = await storePlace(kind)
    const server = await startKeyedServer(place, priced(place, 100))
    const operator = clientOf(server, server.adminKey)
    const [rich, other] = [await addAccount(server), await addAccount(server, { creditMicros: 1_000_000 })]
    const topUp = (cents: number) => operator.post(`/v1/accounts/${rich.id}/top-ups`, { amount_cents: cents })

    expect((await topUp(MOST_CENTS)).body).toMatchObject({ balance_cents: MOST_CENTS * 0.95 })
    expect(await topUp(MOST_CENTS)).toMatchObject({
      status: 400,
      body: {
        error: { param: 'amount_cents', message: expect.stringMatching(/^A wallet holds at most \$1000000000, /) },
      },
    })
    expect((await topUp(0.0001)).body).toMatchObject({ balance_cents: MOST_CENTS * 0.95 + 0.0001 })

    const callers = [clientOf(server, rich.key), clientOf(server, other.key)]
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => callers[index % 2]!.classify(`${index}`)),
    )
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    expect((await callers[0]!.get('/v1/balance')).body).toMatchObject({
      balance_cents: MOST_CENTS * 0.95 + 0.0001 - 0.1,
    })
    await server.stop()
  })

  it('an amount that is nothing, or has a part of a micro-dollar, is refused', async () => {
    await using place = await storePlace(kind)
    const server = await startKeyedServer(place)
    const operator = clientOf(server, server.adminKey)
    const { id, key } = await addAccount(server)
    const owner = clientOf(server, key)
    for (const [client, path, field, amounts] of [
      [operator, `/v1/accounts/${id}/top-ups`, 'amount_cents', [0, 0.000_01, 1.234_56, -1, MOST_CENTS + 1]],
      [owner, '/v1/keys', 'spend_cap_cents', [0.000_01, -0.01]],
      [owner, '/v1/budgets', 'monthly_cap_cents', [0.000_01, -0.01]],
    ] as const) {
      for (const amount of amounts) {
        const reply = await client.post(path, { [field]: amount, ...(path === '/v1/budgets' && { tag: 'blue' }) })
        expect(reply, `${path} ${amount}`).toMatchObject({ status: 400, body: { error: { param: field } } })
      }
    }
    expect((await owner.get('/v1/balance')).body).toMatchObject({ balance_cents: 0 })
    // What floats make of 0.1 + 0.2 is an amount all the same.
    expect((await owner.post('/v1/keys', { spend_cap_cents: 0.1 + 0.2 })).body).toMatchObject({ spend_cap_cents: 0.3 })
    await server.stop()
  })
})
