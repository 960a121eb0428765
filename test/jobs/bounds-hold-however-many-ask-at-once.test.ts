import { describe, expect, it } from 'vitest'
import { post } from '../support/http.ts'
import { STORE_KINDS } from '../support/stores.ts'
import { clientOf, serverAround, startOn, upload } from './support.ts'

const MOST_BYTES = 10_000_000_000
const MOST_WEBHOOKS = 20
const AT_ONCE = 40

describe.each(STORE_KINDS)('on the %s store', { timeout: 120_000 }, (kind) => {
  const around = serverAround(kind)

  const atOnce = <T>(ask: () => Promise<T>) => Promise.allSettled(Array.from({ length: AT_ONCE }, ask))

  it('of webhooks', async () => {
    const asked = await atOnce(() => post(`${around.server.url}/v1/webhooks`, { url: 'https://example.com/' }))
    const statuses = asked.map((one) => (one.status === 'fulfilled' ? one.value.status : one.reason))
    expect(statuses.filter((status) => status === 201)).toHaveLength(MOST_WEBHOOKS)
    expect(statuses.filter((status) => status === 400)).toHaveLength(AT_ONCE - MOST_WEBHOOKS)
  })

  it('of what the files of an account have together', async () => {
    const first = await upload(clientOf(around.server), ['{}'])
    await around.server.stop()
    const store = await around.place.open()
    // As if it had all that it may but for 5 bytes, which is room for two files more.
    await store.db
      .updateTable('files')
      .set({ bytes: MOST_BYTES - 5 })
      .where('id', '=', first.id)
      .execute()
    await store.close()
    around.server = await startOn(around.place)
    const asked = await atOnce(() => upload(clientOf(around.server), ['{}']))
    const kept = asked.filter(({ status }) => status === 'fulfilled')
    expect(kept).toHaveLength(2)
    const { data } = await clientOf(around.server).files.list()
    expect(data).toHaveLength(3)
  })
})
