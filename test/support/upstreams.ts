import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningServer, startTestServer } from './server.ts'

/** A server with a file of upstreams, which goes when it stops. */
export async function startWithUpstreams(
  configuration: object,
  flags: string[] = [],
  env: Record<string, string> = {},
): Promise<RunningServer> {
  const folder = mkdtempSync(join(tmpdir(), 'valence-upstreams-'))
  const file = join(folder, 'upstreams.json')
  writeFileSync(file, JSON.stringify(configuration))
  try {
    return await startTestServer(['--upstreams', file, ...flags], env)
  } finally {
    // It is read at the start.
    rmSync(folder, { recursive: true })
  }
}

/** An upstream that does as it is told: what other servers do wrong, over a real socket. */
export async function startMisbehaving(listener: RequestListener): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => void server.close(() => resolve()))
    },
  }
}
