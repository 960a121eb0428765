import { describe, expect, it } from 'vitest'
import { addAccount, priced, startKeyedServer } from '../support/accounts.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'
import { chargesOf, chatLines, clientOf, endOf, kill, pause, resultsIn, startBatch } from './support.ts'

/** How often a server is killed on each store; more by VALENCE_KILLS=30. */
const KILLS = Number(process.env.VALENCE_KILLS ?? 3)

const LINES = 600

const PRICE_MICROS = 100
const CREDIT_MICROS = 1_000_000

/** Long enough after a start for a batch to be anywhere between its first line and its last. */
const LONGEST_LIFE_MS = 3000

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it(
    `every line has one result and one charge, though the server is killed ${KILLS} times`,
    async () => {
      await using place = await storePlace(kind)
      const flags = ['--workers', '1', ...priced(place, PRICE_MICROS)]
      const first = await startKeyedServer(place, flags)
      const { key } = await addAccount(first, { creditMicros: CREDIT_MICROS })
      let server: RunningServer = first
      const lines = chatLines(LINES)
      const { id } = await startBatch(clientOf(server, key), lines)

      for (let kills = 0; kills < KILLS; kills += 1) {
        await pause(Math.random() * LONGEST_LIFE_MS)
        await kill(server)
        server = await startTestServer(['--require-keys', ...flags], place.env)
      }

      const client = clientOf(server, key)
      const batch = await endOf(client, id, 180_000)
      expect(batch.status).toBe('completed')
      expect(batch.request_counts).toEqual({ total: LINES, completed: LINES, failed: 0 })
      const results = await resultsIn(client, batch.output_file_id)
      expect(results.map((line) => line.custom_id)).toEqual(lines.map((line) => JSON.parse(line).custom_id))
      expect(results.every(({ response }) => response?.status_code === 200)).toBe(true)
      await server.stop()
      expect(await chargesOf(await place.open(), `${id}:`)).toEqual({
        charges: LINES,
        chargedMicros: LINES * PRICE_MICROS,
        calls: LINES,
      })
    },
    120_000 + KILLS * 30_000,
  )
})
