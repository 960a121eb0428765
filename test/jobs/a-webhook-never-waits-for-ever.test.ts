import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { createSender } from '../../src/jobs/webhooks/send.ts'

const send = createSender({ allowPrivate: true, userAgent: 'test' })

/** Has a webhook sent to a receiver that answers these bytes, as they come, to whatever it is sent. */
async function answeredBy(answer: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/`
  try {
    return await send({ url, headers: {}, body: '{}', signal: new AbortController().signal })
  } finally {
    server.close()
  }
}

/** Keeps sending until the other end has had enough. */
function pour(socket: Socket, text: string): void {
  const more = setInterval(() => socket.write(text), 1)
  socket.on('close', () => clearInterval(more))
}

const FAILED = { failure: expect.any(String), isForbidden: false }

it.each<[string, (socket: Socket) => void, object]>([
  [
    'another protocol',
    (s) => s.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
    { status: 101 },
  ],
  [
    'a body without end',
    (s) =>
      pour(
        s.on('error', () => {}),
        s.write('HTTP/1.1 200 OK\r\n\r\n') ? 'x'.repeat(10_000) : '',
      ),
    { status: 200 },
  ],
  ['a header without end', (s) => pour(s, s.write('HTTP/1.1 200 OK\r\nx: ') ? 'y'.repeat(10_000) : ''), FAILED],
  ['half of a body', (s) => s.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx'), FAILED],
  [
    'a hint before the answer',
    (s) => s.end('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n'),
    { status: 204 },
  ],
  ['something else than HTTP', (s) => s.end('+OK ready\r\n'), FAILED],
  ['nothing', (s) => s.destroy(), FAILED],
  ['nothing, and stays', () => {}, { failure: 'No answer within 10 s.', isForbidden: false }],
  ['100 again and again', (s) => pour(s, 'HTTP/1.1 100 Continue\r\n\r\n'), FAILED],
])('a receiver that answers %s is done with', { timeout: 120_000 }, async (_, answer, expected) => {
  expect(await answeredBy(answer)).toEqual(expected)
})
