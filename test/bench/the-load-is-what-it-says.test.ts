import { Buffer } from 'node:buffer'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { headerOf, openConnection } from '../../bench/load/http-client.ts'

const REQUEST = Buffer.from('POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 2\r\n\r\n{}')

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function connectionTo(answer: RequestListener) {
  server = createServer(answer)
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  return openConnection(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
}

test('it reads one answer after another over one connection, with their status and headers', async () => {
  let requests = 0
  const connection = await connectionTo((_, response) => {
    requests++
    const body = 'x'.repeat(100_000 * requests)
    response.writeHead(requests === 1 ? 200 : 429, { 'retry-after': '7', 'content-length': body.length })
    response.end(body)
  })
  expect((await connection.send(REQUEST)).status).toBe(200)
  const refusal = await connection.send(REQUEST)
  expect(refusal.status).toBe(429)
  expect(headerOf(refusal.head, 'Retry-After')).toBe('7')
  connection.close()
})

test('an answer of unknown length is an error, and so is a connection that breaks', async () => {
  const chunked = await connectionTo((_, response) => {
    response.write('part')
    response.end('part')
  })
  await expect(chunked.send(REQUEST)).rejects.toThrow('does not say its length')
  server?.close()
  const broken = await connectionTo((request) => request.socket.destroy())
  await expect(broken.send(REQUEST)).rejects.toThrow('closed')
})
