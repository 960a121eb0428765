import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, LookupFunction } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { isPublicAddress } from '../../src/jobs/webhooks/addresses.ts'
import { createSender, type Sent } from '../../src/jobs/webhooks/send.ts'

const FORBIDDEN = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '100.100.100.200',
  '127.0.0.1',
  '127.255.255.254',
  '168.63.129.16',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.192',
  '192.0.2.1',
  '192.168.1.1',
  '198.18.0.1',
  '203.0.113.9',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:a9fe:a9fe',
  '::ffff:0:127.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b::808:808',
  '64:ff9b:1::a00:1',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '3fff::1',
  '5f00::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  'not an address',
]

const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

async function receiver(answer: (path: string) => { status: number; headers?: Record<string, string>; body?: string }) {
  const paths: string[] = []
  const server = createServer((request, response) => {
    paths.push(request.url!)
    const { status, headers = {}, body = '' } = answer(request.url!)
    request.resume().on('end', () => response.writeHead(status, headers).end(body))
  }).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, paths }
}

function send(url: string, options: { allowPrivate?: boolean; resolve?: LookupFunction } = {}): Promise<Sent> {
  const sender = createSender({ allowPrivate: false, userAgent: 'valence/test', ...options })
  return sender({ url, headers: {}, body: '{}', signal: new AbortController().signal })
}

/** Name servers that answer one address after another. */
function answering(...answers: string[][]): LookupFunction {
  let asked = 0
  return (_, __, callback) => {
    const addresses = answers[Math.min(asked++, answers.length - 1)]!
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
  }
}

describe('a webhook', () => {
  it.each(FORBIDDEN)('does not go to %s', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  it.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700:4700::1111', '::ffff:8.8.8.8'])('may go to %s', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })

  it.each([
    ['127.0.0.1'],
    ['2130706433'],
    ['0x7f.1'],
    ['0177.0.0.1'],
    ['127.1'],
    ['[::1]'],
    ['[::ffff:127.0.0.1]'],
    ['[::ffff:7f00:1]'],
    ['0'],
    ['127。0。0。1'],
    ['localhost'],
  ])('does not reach this machine as %s', async (host) => {
    const { port, paths } = await receiver(() => ({ status: 200 }))
    expect(await send(`http://${host}:${port}/`)).toMatchObject({ isForbidden: true })
    expect(paths).toEqual([])
  })

  it('does not reach this machine by a name whose addresses are looked up', async () => {
    const { port, paths } = await receiver(() => ({ status: 200 }))
    for (const resolve of [answering(['127.0.0.1']), answering(['8.8.8.8', '127.0.0.1']), answering([])]) {
      expect(await send(`http://receiver.test:${port}/`, { resolve })).toMatchObject({ isForbidden: true })
    }
    expect(paths).toEqual([])
  })

  it('does not reach this machine by a name that changes its address between two looks', async () => {
    const { port, paths } = await receiver(() => ({ status: 200 }))
    const resolve = answering(['127.0.0.1'], ['8.8.8.8'], ['127.0.0.1'])
    // One look per connection decides: the first is refused, so is every other that says loopback.
    expect(await send(`http://rebinding.test:${port}/`, { resolve })).toMatchObject({ isForbidden: true })
    expect(paths).toEqual([])
  })

  it('follows no redirect, wherever it leads', async () => {
    const { port, paths } = await receiver((path) =>
      path === '/start' ? { status: 302, headers: { location: '/inside' } } : { status: 200 },
    )
    expect(await send(`http://127.0.0.1:${port}/start`, { allowPrivate: true })).toEqual({ status: 302 })
    expect(paths).toEqual(['/start'])
  })

  it('reads no more of an answer than it must', async () => {
    const { port } = await receiver(() => ({ status: 200, body: 'x'.repeat(5_000_000) }))
    expect(await send(`http://127.0.0.1:${port}/`, { allowPrivate: true })).toEqual({ status: 200 })
  })

  it('goes to the operator’s own networks where the operator allows it', async () => {
    const { port, paths } = await receiver(() => ({ status: 204 }))
    expect(await send(`http://127.0.0.1:${port}/hook`, { allowPrivate: true })).toEqual({ status: 204 })
    expect(paths).toEqual(['/hook'])
  })

  it('says why a receiver could not be reached', async () => {
    expect(await send('http://127.0.0.1:1/', { allowPrivate: true })).toEqual({
      failure: 'The receiver could not be reached (ECONNREFUSED).',
      isForbidden: false,
    })
  })
})
