import { describe, expect, it } from 'vitest'
import { STORE_KINDS, storePlace } from '../support/stores.ts'
import { chatLines, clientOf, endOf, resultsIn, startBatch, startOn, until } from './support.ts'

const LINES = 2000

describe.each(STORE_KINDS)('on the %s store', { timeout: 180_000 }, (kind) => {
  it('a batch whose time is over keeps what was done, and says of every other line that it was not run', async () => {
    await using place = await storePlace(kind)
    const first = await startOn(place)
    const { id } = await startBatch(clientOf(first), chatLines(LINES))
    await until(
      () => clientOf(first).batches.retrieve(id),
      ({ request_counts: counts }) => counts!.completed > 0,
    )
    expect(await first.stop()).toBe(0)
    const store = await place.open()
    await store.db
      .updateTable('batches')
      .set({ expires_at: new Date(Date.now() - 1000) })
      .execute()
    await store.close()

    const server = await startOn(place)
    const client = clientOf(server)
    const batch = await endOf(client, id)
    expect(batch.status).toBe('expired')
    expect(batch.expired_at).toBeGreaterThan(0)
    const done = await resultsIn(client, batch.output_file_id)
    const not = await resultsIn(client, batch.error_file_id)
    expect(done).toHaveLength(batch.request_counts!.completed)
    expect(not.every(({ error, response }) => error?.code === 'batch_expired' && response === null)).toBe(true)
    const names = [...done, ...not].map((line) => line.custom_id)
    expect(names).toEqual(chatLines(LINES).map((line) => JSON.parse(line).custom_id))
    await server.stop()
  })

  it('a server that is stopped in the middle of a batch goes on where it was', async () => {
    await using place = await storePlace(kind)
    const first = await startOn(place)
    const { id } = await startBatch(clientOf(first), chatLines(LINES))
    await until(
      () => clientOf(first).batches.retrieve(id),
      ({ request_counts: counts }) => counts!.completed > 0,
    )
    expect(await first.stop()).toBe(0)
    expect(first.output()).not.toContain('"level":50')
    const server = await startOn(place)
    const batch = await endOf(clientOf(server), id)
    expect(batch.request_counts).toEqual({ total: LINES, completed: LINES, failed: 0 })
    expect(await resultsIn(clientOf(server), batch.output_file_id)).toHaveLength(LINES)
    await server.stop()
  })

  it.skipIf(kind === 'embedded')('replicas share files and batches, and no line has two results', async () => {
    await using place = await storePlace(kind)
    const servers = await Promise.all([startOn(place), startOn(place)])
    const [one, other] = servers.map((server) => clientOf(server)) as [OpenAIClient, OpenAIClient]
    const started = await Promise.all([one, other, one, other].map((client) => startBatch(client, chatLines(200))))
    for (const [index, { id }] of started.entries()) {
      const reader = index % 2 === 0 ? other : one
      const batch = await endOf(reader, id)
      expect(batch.request_counts).toEqual({ total: 200, completed: 200, failed: 0 })
      const results = await resultsIn(reader, batch.output_file_id)
      expect(new Set(results.map((line) => line.custom_id)).size).toBe(200)
      expect(results).toHaveLength(200)
    }
    await Promise.all(servers.map((server) => server.stop()))
  })
})

type OpenAIClient = ReturnType<typeof clientOf>
