import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { startTestServer } from '../test/support/server.ts'

/**
 * Measures for how long the server's event loop is held while many clients send the longest texts.
 *
 *   node bench/event-loop.ts [--clients 32] [--seconds 15] [--workers 2]
 *
 * Reported are the CPU time of the main thread between two turns of the loop, which is the server's own doing, and the
 * wall time, which other programs on the machine lengthen as well.
 */
const WARM_UP_SECONDS = 3
const WRITTEN_AFTER_MS = 500

const run = promisify(execFile)

async function sendTexts(url: string, clients: string, seconds: number): Promise<unknown> {
  const script = fileURLToPath(new URL('./event-loop-clients.ts', import.meta.url))
  const { stdout } = await run(process.execPath, [script, url, clients, String(seconds)])
  return JSON.parse(stdout)
}

async function measure(clients: string, seconds: number, flags: string[]): Promise<{ sent: unknown; held: unknown }> {
  const folder = mkdtempSync(join(tmpdir(), 'valence-event-loop-'))
  const file = join(folder, 'figures.json')
  const preload = new URL('./event-loop-probe.mjs', import.meta.url).href
  const server = await startTestServer(flags, { NODE_OPTIONS: `--import=${preload}`, VALENCE_PROBE_FILE: file })
  try {
    await sendTexts(server.url, clients, WARM_UP_SECONDS)
    server.process.kill('SIGUSR2')
    const sent = await sendTexts(server.url, clients, seconds)
    server.process.kill('SIGUSR2')
    await sleep(WRITTEN_AFTER_MS)
    await server.stop()
    return { sent, held: JSON.parse(readFileSync(file, 'utf8')) }
  } finally {
    server.process.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  }
}

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '32' },
    seconds: { type: 'string', default: '15' },
    workers: { type: 'string' },
  },
})
const flags = values.workers === undefined ? [] : ['--workers', values.workers]
console.dir(await measure(values.clients, Number(values.seconds), flags), { depth: 5 })
