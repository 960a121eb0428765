import { describe, expect, it } from 'vitest'
import { get, post } from '../support/http.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'
import { MODEL, startOn, until } from './support.ts'

const JOBS = 30

describe.each(STORE_KINDS)('on the %s store', { timeout: 120_000 }, (kind) => {
  it('many jobs that come at once are all done, with no pause between them', async () => {
    await using place = await storePlace(kind)
    const server = await startOn(place)
    const begun = await Promise.all(
      Array.from({ length: JOBS }, (_, index) =>
        post(`${server.url}/v1/classifications`, { model: MODEL, input: `good ${index}`, async: true }),
      ),
    )
    // The queue is looked through once a minute (embedded) or every 5 s: one a look would take far longer than this.
    for (const { body } of begun) {
      await until(
        async () => (await get(`${server.url}/v1/jobs/${(body as { id: string }).id}`)).body as { status: string },
        ({ status }) => status === 'completed',
      )
    }
    await server.stop()
    expect(server.output()).not.toContain('"level":50')
  })
})
