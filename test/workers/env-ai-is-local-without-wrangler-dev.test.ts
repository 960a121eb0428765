import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startOpenServer } from '../clients/support.ts'
import { get } from '../support/http.ts'
import { runToEnd } from '../support/python.ts'
import type { RunningServer } from '../support/server.ts'
import { HAS_WORKERD, WRANGLERS, warnWithoutWorkerd } from './wrangler.ts'

warnWithoutWorkerd()

const TIMEOUT_MS = 120_000

const POSITIVE = [
  { label: 'NEGATIVE', score: expect.any(Number) },
  { label: 'POSITIVE', score: expect.closeTo(0.98, 1) },
]

describe.skipIf(!HAS_WORKERD)('env.AI is local', () => {
  let server: RunningServer

  beforeAll(async () => {
    server = await startOpenServer()
  })

  afterAll(async () => {
    await server?.stop()
  })

  async function outputOf(script: string, args: string[]): Promise<unknown> {
    const env = { VALENCE_URL: server.url, WRANGLER_SEND_METRICS: 'false' }
    const { code, stdout, stderr } = await runToEnd(process.execPath, [`test/workers/${script}`, ...args], env)
    expect(code, stderr).toBe(0)
    return JSON.parse(stdout.trim().split('\n').at(-1)!)
  }

  it.each(['newest', '4.36'] as const)(
    'in Node, by getPlatformProxy of wrangler %s',
    async (version) => {
      const config = resolve('test/workers/worker/wrangler.jsonc')
      expect(await outputOf('platform-proxy.mjs', [resolve(WRANGLERS[version]), config])).toEqual(POSITIVE)
    },
    TIMEOUT_MS,
  )

  it.each([
    ['4', 'test/workers/node_modules/wrangler-4-36/node_modules/miniflare'],
    ['5', 'examples/worker/node_modules/miniflare'],
  ])(
    'in a bare Miniflare %s',
    async (_, folder) => {
      const told = await outputOf('bare-miniflare.mjs', [resolve(folder), server.url])
      expect(told).toEqual({ inWorker: POSITIVE, inNode: POSITIVE })
    },
    TIMEOUT_MS,
  )

  it(
    'in workerd alone, by the example of its configuration',
    async () => {
      const workerd = startWorkerd(server.url)
      try {
        const port = await workerd.port
        expect((await get(`http://127.0.0.1:${port}/`)).body).toEqual(POSITIVE)
      } finally {
        await workerd.stop()
      }
    },
    TIMEOUT_MS,
  )
})

/** workerd with examples/workerd, on a free port, which it tells by a pipe. */
function startWorkerd(valenceUrl: string): { port: Promise<number>; stop(): Promise<void> } {
  const packages = 'examples/worker/node_modules/@cloudflare'
  const platform = readdirSync(packages).find((name) => name.startsWith('workerd-'))!
  const external = `valence=${new URL(valenceUrl).host}`
  const child = spawn(
    `${packages}/${platform}/bin/workerd`,
    ['serve', 'examples/workerd/workerd.capnp', '-e', external, '-s', 'http=127.0.0.1:0', '--control-fd=3'],
    { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] },
  )
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const port = new Promise<number>((resolve, reject) => {
    void exited.then(() => reject(new Error('workerd ended')))
    createInterface({ input: child.stdio[3] as Readable }).on('line', (line) => {
      const event = JSON.parse(line) as { event: string; port?: number }
      if (event.event === 'listen') resolve(event.port!)
    })
  })
  return {
    port,
    async stop() {
      child.kill()
      await exited
    },
  }
}
