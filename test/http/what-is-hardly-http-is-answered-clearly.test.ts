import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { brotliCompressSync, deflateSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { get } from '../support/http.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'

const RUN = '/client/v4/accounts/a/ai/run/minilm-sst-2-int8'
const GOOD = '{"text":"Good."}'
const ID = /^x-request-id: [\w-]{36}$/m

let server: RunningServer
beforeAll(async () => {
  server = await startTestServer(['--workers', '1', '--max-body-bytes', '4096'])
})
afterAll(() => server.stop())

/** A socket that hears what the server says to it. */
function talk(url = server.url) {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let heard = ''
  socket.on('data', (data) => (heard += data)).on('error', () => {})
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return {
    ended,
    socket,
    heard: () => heard,
    send: (text: string) => socket.write(text),
    async hears(part: string | RegExp) {
      await expect.poll(() => heard, { timeout: 20_000 }).toMatch(part)
      return heard
    },
  }
}

const head = (headers: string[]) => [`POST ${RUN} HTTP/1.1`, 'host: valence', ...headers, '', ''].join('\r\n')

describe('what cannot be read', () => {
  it.each([
    ['headers that are too long', `GET /health HTTP/1.1\r\nx-long: ${'a'.repeat(40_000)}\r\n\r\n`, 431, 'too long'],
    ['an address that is too long', `GET /${'a'.repeat(40_000)} HTTP/1.1\r\n\r\n`, 431, 'too long'],
    ['noise', '\0\r\n\r\n', 400, 'not a readable HTTP request'],
    ['two lengths', head(['content-length: 1', 'content-length: 2']), 400, 'not a readable HTTP request'],
    ['a length and chunks', head(['content-length: 1', 'transfer-encoding: chunked']), 400, 'not a readable'],
  ])('%s has its status, an id and a reason, and is hung up on', async (_, bytes, status, reason) => {
    const { send, ended, heard } = talk()
    send(bytes)
    await ended

    expect(heard()).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(heard()).toMatch(ID)
    expect(JSON.parse(heard().split('\r\n\r\n')[1]!)).toMatchObject({
      error: { code: status, message: expect.stringContaining(reason) },
    })
  })

  it('is hung up on although its sender goes on', async () => {
    const { send, ended, socket } = talk()
    send('\0\r\n\r\n')
    const timer = setInterval(() => socket.writable && send('more'), 50)
    await ended
    clearInterval(timer)
  })
})

describe('a client that waits with its body', () => {
  it('is told to go on', async () => {
    const { send, hears, socket } = talk()
    send(head(['expect: 100-continue', `content-length: ${GOOD.length}`]))
    await hears('HTTP/1.1 100 Continue')
    send(GOOD)
    expect(await hears('"POSITIVE"')).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/)
    socket.destroy()
  })

  it('is told at once that it is too long, and need not send it', async () => {
    const { send, ended, heard } = talk()
    send(head(['expect: 100-continue', 'content-length: 5000']))
    await ended
    expect(heard()).toMatch(/^HTTP\/1.1 413 /)
  })
})

describe('a body', () => {
  const send = (body: Uint8Array, headers: Record<string, string>) =>
    fetch(server.url + RUN, { method: 'POST', body: new Uint8Array(body), headers })

  const encodings = { br: brotliCompressSync, deflate: deflateSync, zstd: zstdCompressSync }

  it.each(Object.entries(encodings))('in %s is read where a header says so', async (encoding, compress) => {
    const response = await send(compress(Buffer.from(GOOD)), { 'content-encoding': encoding })
    expect(response.status).toBe(200)
  })

  it.each(Object.entries(encodings))(
    'in %s may be no longer than others when it is taken off',
    async (encoding, compress) => {
      const response = await send(compress(Buffer.alloc(100_000_000, ' ')), { 'content-encoding': encoding })
      expect(response.status).toBe(413)
    },
  )

  it.each(['br', 'deflate', 'gzip', 'constructor', 'nonsense'])(
    'that is not in %s, as a header says, is read all the same',
    async (encoding) => {
      expect((await send(Buffer.from(GOOD), { 'content-encoding': encoding })).status).toBe(200)
    },
  )

  it.each(['', ';', '/', 'json', 'application/json; charset=utf-16', '__proto__', 'a'.repeat(2000)])(
    'of the type "%s" is read as JSON',
    async (type) => {
      expect((await send(Buffer.from(GOOD), { 'content-type': type })).status).toBe(200)
    },
  )

  it('that breaks off is no fault of the server, and not in its log', async () => {
    const own = await startTestServer(['--workers', '1'])
    for (const path of [RUN, '/v1/classifications', '/nothing']) {
      const { send: say, socket } = talk(own.url)
      say(`POST ${path} HTTP/1.1\r\nhost: valence\r\ncontent-length: 100\r\n\r\n{"text":`)
      await setTimeout(100)
      socket.destroy()
    }
    expect((await get(`${own.url}/health`)).status).toBe(200)
    await own.stop()
    expect(own.output()).not.toContain('"level":50')
  })
})
