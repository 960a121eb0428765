import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { addAccount, clientOf, startKeyedServer } from '../support/accounts.ts'
import { STORE_KINDS, storePlace } from '../support/stores.ts'
import { until } from './support.ts'

/** More than are tried at once. */
const SLOW = 12

describe.each(STORE_KINDS)('on the %s store', { timeout: 120_000 }, (kind) => {
  it('who answers nothing keeps others from their webhooks no longer than it takes to send one', async () => {
    const slow = { now: 0, most: 0, ended: 0 }
    const quick: { slowEnded: number }[] = []
    const receiver = createServer((request, response) => {
      if (request.url === '/quick') {
        quick.push({ slowEnded: slow.ended })
        response.end()
        return
      }
      slow.now += 1
      slow.most = Math.max(slow.most, slow.now)
      request.on('close', () => {
        slow.now -= 1
        slow.ended += 1
      })
    }).listen(0, '127.0.0.1')
    await once(receiver, 'listening')
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`

    await using place = await storePlace(kind)
    const server = await startKeyedServer(place, ['--workers', '1', '--allow-private-webhooks'])
    const [one, other] = await Promise.all(['one', 'other'].map((name) => addAccount(server, { name })))
    const start = async ({ key }: { key: string }, path: string) =>
      clientOf(server, key).post('/v1/classifications', { input: 'good', webhook_url: url + path })
    for (let count = 0; count < SLOW; count += 1) expect((await start(one!, '/slow')).status).toBe(202)
    await until(
      async () => slow.most,
      (most) => most >= 4,
    )
    await start(other!, '/quick')
    await until(
      async () => quick.length,
      (sent) => sent > 0,
    )
    // The slow ones take 10 s each, whatever the machine has to do, so that not even the first two rounds of them are over.
    expect(quick[0]!.slowEnded).toBeLessThanOrEqual(8)
    expect(slow.most).toBe(4)
    await server.stop()
    receiver.close().closeAllConnections()
  })
})
