import { expect, it } from 'vitest'
import { post } from '../support/http.ts'
import { storePlace } from '../support/stores.ts'
import { clientOf, MODEL, OVER, startOn, upload } from './support.ts'

const MOST_WAITING = 64

/** Two of these have more texts than may wait. */
const listLines = Array.from({ length: 40 }, (_, line) => {
  const input = Array.from({ length: 60 }, (__, text) => `Text ${text} of the long list ${line}, and a good one.`)
  return JSON.stringify({
    custom_id: `list-${line}`,
    method: 'POST',
    url: '/v1/classifications',
    body: { model: MODEL, input },
  })
})

it('lines that fill their queue take no place from others, and wait for their own', { timeout: 180_000 }, async () => {
  await using place = await storePlace('embedded')
  const server = await startOn(place, { VALENCE_MAX_WAITING_TEXTS: String(MOST_WAITING) })
  const client = clientOf(server)
  const { id } = await upload(client, listLines)
  const batch = await client.batches.create({
    input_file_id: id,
    endpoint: '/v1/classifications' as '/v1/completions',
    completion_window: '24h',
  })
  const statuses = new Set<number>()
  let end = await client.batches.retrieve(batch.id)
  for (let call = 0; !OVER.includes(end.status); call += 1) {
    const input = Array.from({ length: MOST_WAITING }, (_, text) => `Call ${call} has a good text ${text}`)
    statuses.add((await post(`${server.url}/v1/classifications`, { model: MODEL, input })).status)
    end = await client.batches.retrieve(batch.id)
  }
  expect([...statuses]).toEqual([200])
  expect(end.request_counts).toEqual({ total: 40, completed: 40, failed: 0 })
  await server.stop()
})
