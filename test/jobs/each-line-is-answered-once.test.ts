import { describe, expect, it } from 'vitest'
import type { RunningServer } from '../support/server.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'
import { chatLines, clientOf, endOf, pause, resultsIn, startBatch, startOn } from './support.ts'

/** How often a server is killed on each store; more by VALENCE_KILLS=30. */
const KILLS = Number(process.env.VALENCE_KILLS ?? 3)

const LINES = 300

/** Long enough for a batch to be anywhere between its upload and its end. */
const LONGEST_LIFE_MS = 1500

async function kill({ process: child }: RunningServer): Promise<void> {
  const gone = new Promise((resolve) => {
    child.once('exit', resolve)
  })
  child.kill('SIGKILL')
  await gone
}

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it(
    `every line has one result, though the server is killed ${KILLS} times`,
    async () => {
      await using place = await storePlace(kind)
      let server = await startOn(place)
      const { id } = await startBatch(clientOf(server), chatLines(LINES))

      for (let kills = 0; kills < KILLS; kills += 1) {
        await pause(Math.random() * LONGEST_LIFE_MS)
        await kill(server)
        server = await startOn(place)
      }

      const client = clientOf(server)
      const batch = await endOf(client, id, 120_000)
      expect(batch.status).toBe('completed')
      expect(batch.request_counts).toEqual({ total: LINES, completed: LINES, failed: 0 })
      const results = await resultsIn(client, batch.output_file_id)
      const expected = Array.from({ length: LINES }, (_, index) => `line-${index}`)
      expect(results.map((line) => line.custom_id)).toEqual(expected)
      expect(results.every(({ response }) => response?.status_code === 200)).toBe(true)
      await server.stop()
    },
    60_000 + KILLS * 30_000,
  )
})
