import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createArrivalLimit } from '../../src/http/arrival.ts'

const TIMEOUT_MS = 300
const HEAD = 'POST /read HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n'

let app: FastifyInstance
let port: number

beforeAll(async () => {
  app = Fastify()
  const arrivals = createArrivalLimit(TIMEOUT_MS, ({ code, message }, _, reply) => {
    void reply.code(408).send({ code, message })
  })
  app.addHook('onRequest', (request, reply, done) => {
    arrivals.watch(request, reply)
    // Answered before its body is read.
    if (request.url === '/refuse') void reply.code(429).send('busy')
    else done()
  })
  app.post('/read', ({ body }) => ({ read: body }))
  app.post('/refuse', () => {})
  await app.listen({ port: 0, host: '127.0.0.1' })
  ;({ port } = app.server.address() as AddressInfo)
})
afterAll(() => app.close())

/** Sends parts of a request, each after a pause. */
async function send(parts: readonly string[], pauseMs: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  for (const part of parts) {
    socket.write(part)
    await sleep(pauseMs)
  }
  return socket
}

async function answerOf(socket: Socket): Promise<string> {
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  return bytes.toString()
}

it('a body that stops half-way is refused when its time is over, and its connection ends', async () => {
  const startedAt = performance.now()
  const answer = await text(await send([HEAD, '{"a"'], 0))
  expect(answer).toMatch(/^HTTP\/1\.1 408 .*"code":"request_too_slow"/s)
  expect(performance.now() - startedAt).toBeGreaterThan(TIMEOUT_MS - 1)
})

it('a body that comes a byte at a time within its time is read', async () => {
  const socket = await send([HEAD, ...Array.from('{"a": 1}')], 10)
  expect(await answerOf(socket)).toMatch(/^HTTP\/1\.1 200 .*\{"read":\{"a":1\}\}$/s)
  socket.destroy()
})

it('a connection whose requests came whole stays open for longer than one may take', async () => {
  const socket = await send([`${HEAD}{"a": 1}`], 0)
  expect(await answerOf(socket)).toContain('200 OK')
  await sleep(TIMEOUT_MS + 100)
  socket.write(`${HEAD}{"a": 2}`)
  expect(await answerOf(socket)).toContain('{"read":{"a":2}}')
  socket.destroy()
})

it('who was answered before the body came is cut off when it does not come', async () => {
  const startedAt = performance.now()
  const answer = await text(await send([HEAD.replace('/read', '/refuse')], 0))
  expect(answer).toMatch(/^HTTP\/1\.1 429 .*busy$/s)
  expect(performance.now() - startedAt).toBeGreaterThan(TIMEOUT_MS - 1)
})
