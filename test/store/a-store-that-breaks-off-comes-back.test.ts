import { setTimeout } from 'node:timers/promises'
import { Client } from 'pg'
import { expect, it } from 'vitest'
import { addAccount, clientOf, priced, startKeyedServer } from '../support/accounts.ts'
import { get } from '../support/http.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'

/** It connects again after half a second, a second, two, five. */
const WITHIN_MS = 60_000

it.skipIf(!STORE_KINDS.includes('postgres'))(
  'says so meanwhile, and what costs money is refused and free until then',
  { timeout: 3 * WITHIN_MS },
  async () => {
    await using place = await storePlace('postgres')
    const server = await startKeyedServer(place, priced(place, 100))
    const caller = clientOf(server, (await addAccount(server, { creditMicros: 1_000_000 })).key)
    expect((await caller.classify()).status).toBe(200)
    const status = async () => (await get(`${server.url}/health`)).body as { store: { status: string } }
    expect(await status()).toMatchObject({ store: { status: 'open' } })

    await letIn(place.databaseUrl!, false)
    await until(async () => (await status()).store.status === 'interrupted')
    // What was said of the key is believed for some seconds; the wallet is asked each time.
    const { body, ...refused } = await caller.classify()
    expect(refused.status).toBeGreaterThanOrEqual(500)
    expect(JSON.stringify(body)).not.toContain('POSITIVE')

    await letIn(place.databaseUrl!, true)
    await until(async () => (await status()).store.status === 'open')
    expect((await caller.classify()).status).toBe(200)
    expect((await caller.get('/v1/balance')).body).toMatchObject({ balance_cents: 99.98, held_cents: 0 })
    await server.stop()
  },
)

/** Lets nobody into the database any more, and throws out whoever is there; or lets them in again. */
async function letIn(databaseUrl: string, isOpen: boolean): Promise<void> {
  const name = new URL(databaseUrl).pathname.slice(1)
  const administrator = new URL(databaseUrl)
  administrator.pathname = '/postgres'
  const client = new Client({ connectionString: administrator.href })
  await client.connect()
  await client.query(`alter database ${name} allow_connections ${isOpen}`)
  if (!isOpen) await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
  await client.end()
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + WITHIN_MS
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it did not come to that in time')
    await setTimeout(50)
  }
}
