import { afterAll, beforeAll, expect, it } from 'vitest'
import { addAccount, clientOf, type KeyedServer, startKeyedServer } from '../support/accounts.ts'
import { type StorePlace, storePlace } from '../support/stores.ts'

const LIST = { jsonrpc: '2.0', id: 7, method: 'tools/list', params: {} }

let place: StorePlace
let server: KeyedServer
let one: string
let two: string
beforeAll(async () => {
  place = await storePlace('embedded')
  server = await startKeyedServer(place)
  one = (await addAccount(server)).key
  two = (await addAccount(server)).key
})
afterAll(async () => {
  await server?.stop()
  await place?.[Symbol.asyncDispose]()
})

it('nobody else can send a message to it, though he knew its id', async () => {
  const stream = await openStream(one)
  expect((await clientOf(server, two).post(stream.endpoint, LIST)).status).toBe(404)
  expect((await clientOf(server, one).post(stream.endpoint, LIST)).status).toBe(202)
  expect(await stream.next()).toContain('"id":7')
  await stream.close()
})

it('one that is open does not keep the server from stopping', async () => {
  await openStream(one)
  expect(await server.stop()).toBe(0)
})

async function openStream(key: string) {
  const { body } = await fetch(`${server.url}/mcp/sse`, { headers: { authorization: `Bearer ${key}` } })
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader()
  const next = async () => (await reader.read()).value ?? ''
  const endpoint = /data: (\S+)/.exec(await next())![1]!
  return { endpoint, next, close: () => reader.cancel() }
}
