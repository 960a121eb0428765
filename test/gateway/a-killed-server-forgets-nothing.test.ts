import { readFileSync } from 'node:fs'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { addAccount, clientOf, priced, startKeyedServer } from '../support/accounts.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'

/** `VALENCE_KILLS=30 npx vitest run test/gateway/a-killed*` */
const KILLS = Number(process.env.VALENCE_KILLS ?? 2)

/** A server starts in a second or two; on a busy machine in many. */
const TIMEOUT_MS = 30_000 + KILLS * 20_000

/**
 * A start after a crash takes less than 3 s on two cores. On a machine that has other things to do it may take any time, so what is
 * asserted is its own work, of all threads together; it is about 2 s.
 */
const START_WITHIN_CPU_SECONDS = 6

/** Of /proc, on every Linux that there is. */
const TICKS_A_SECOND = 100

const PRICE_MICROS = 100
const CREDIT_MICROS = 1_000_000_000
const CLIENTS = 8
const PRICED = 'huggingface/distilbert-sst-2-int8'
const FREE = 'valence/minilm-sst-2-int8'

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it(
    `has every acknowledged call once after ${KILLS} kill -9, and charged none twice`,
    async () => {
      await using place = await storePlace(kind)
      const flags = priced(place, PRICE_MICROS)
      const first = await startKeyedServer(place, flags)
      const { key } = await addAccount(first, { creditMicros: CREDIT_MICROS })
      const acknowledged: string[] = []
      let server: RunningServer = first
      for (let kill = 0; kill < KILLS; kill++) {
        const load = callUntilItDies(server, key, kill, acknowledged)
        await new Promise((resolve) => setTimeout(resolve, 300 + 1200 * Math.random()))
        server.process.kill('SIGKILL')
        await load
        server = await startTestServer(['--require-keys', ...flags], place.env)
        // It is answered when the store has recovered, and what was held and metered before is in order.
        expect((await clientOf(server, key).get('/v1/usage/recent')).status).toBe(200)
        expect(cpuSecondsOf(server.process.pid!)).toBeLessThan(START_WITHIN_CPU_SECONDS)
        // Nothing is amiss, and nobody is warned of anything.
        expect(server.output()).not.toMatch(/"level":[456]0/)
      }
      expect(await server.stop()).toBe(0)

      expect(acknowledged.length).toBeGreaterThan(KILLS * CLIENTS)
      const store = await place.open()
      const calls = await meteredCalls(store)
      const metered = calls.map(({ request_id: id }) => id)
      expect(new Set(metered).size).toBe(metered.length)
      expect(new Set(acknowledged).difference(new Set(metered))).toEqual(new Set())
      const chargedMicros = calls.reduce((sum, { cost_micros: cost }) => sum + cost, 0)
      expect(await books(store)).toEqual({
        balanceMicros: CREDIT_MICROS - chargedMicros,
        ledgerSum: 0,
        chargedMicros,
        charges: calls.filter(({ cost_micros: cost }) => cost > 0).length,
        calls: calls.length,
      })
    },
    TIMEOUT_MS,
  )
})

/** What a process has used of the processor, all its threads together; 0 where the system does not tell. */
function cpuSecondsOf(pid: number): number {
  if (process.platform !== 'linux') return 0
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND
}

/** Calls one after another by several clients, and notes which were answered. */
async function callUntilItDies(
  server: RunningServer,
  key: string,
  kill: number,
  acknowledged: string[],
): Promise<void> {
  const client = clientOf(server, key)
  let calls = 0
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, index) => {
      const model = index % 2 === 0 ? PRICED : FREE
      for (;;) {
        const id = `kill-${kill}-${calls++}`
        try {
          const body = { model, input: `${id} is a fine text` }
          const { status } = await client.post('/v1/classifications', body, { 'x-request-id': id })
          expect(status).toBe(200)
          acknowledged.push(id)
        } catch (error) {
          if (error instanceof TypeError) return
          throw error
        }
      }
    }),
  )
}

async function meteredCalls({ db }: Store) {
  return db.selectFrom('usage_calls').select(['request_id', 'cost_micros']).where('status', '=', 'ok').execute()
}

async function books({ db }: Store) {
  const { rows } = await sql<Record<string, number>>`
    select
      (select balance_micros from wallets where account_id <> 'acct_local') as "balanceMicros",
      (select sum(amount_micros) from ledger_entries) as "ledgerSum",
      (select coalesce(sum(amount_micros), 0) from ledger_entries where ledger_account = 'revenue:usage') as "chargedMicros",
      (select count(*) from ledger_transactions where kind = 'charge') as charges,
      (select sum(requests) from usage_days) as calls`.execute(db)
  return rows[0]
}
