import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where each wrangler lies that the tests use; both folders have a package.json and a lock of their own. */
export const WRANGLERS = {
  newest: 'examples/worker/node_modules/wrangler',
  '4.36': 'test/workers/node_modules/wrangler-4-36',
  '3': 'test/workers/node_modules/wrangler-3',
}

/** Whether the packages are there, which the root's `npm ci` leaves out: a workerd has a hundred megabytes. */
export const HAS_WORKERD = Object.values(WRANGLERS).every((folder) => existsSync(folder))

export function warnWithoutWorkerd(): void {
  if (!HAS_WORKERD)
    console.warn('Skipped the tests with workerd: npm ci --prefix examples/worker && npm ci --prefix test/workers')
}

export type RunningWorker = { url: string; output(): string; stop(): Promise<void> }

const START_WITHIN_MS = 60_000

/** `wrangler dev` as on a machine where nobody has logged in. */
export async function startWorker(
  version: keyof typeof WRANGLERS,
  configPath: string,
  env: Record<string, string>,
): Promise<RunningWorker> {
  const home = await mkdtemp(join(tmpdir(), 'valence-wrangler-'))
  const child = spawn(
    process.execPath,
    [`${WRANGLERS[version]}/bin/wrangler.js`, 'dev', '--config', configPath, '--port', '0', '--inspector-port', '0'],
    {
      env: {
        ...withoutCloudflare(process.env),
        HOME: home,
        XDG_CONFIG_HOME: home,
        CI: 'true',
        WRANGLER_SEND_METRICS: 'false',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // wrangler starts processes of its own, which end with their group.
      detached: true,
    },
  )
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async () => {
    if (child.exitCode === null) process.kill(-child.pid!, 'SIGTERM')
    await exited
    await rm(home, { recursive: true, force: true })
  }
  let output = ''
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${why}:\n${output}`))
    const timer = setTimeout(() => fail('wrangler was not ready in time'), START_WITHIN_MS)
    void exited.then(() => fail('wrangler ended'))
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk) => {
        output += chunk
        const ready = /Ready on (http:\/\/\S+)/.exec(output)?.[1]
        if (!ready) return
        clearTimeout(timer)
        resolve(ready.replace('localhost', '127.0.0.1'))
      })
    }
  }).catch(async (error) => {
    await stop()
    throw error
  })
  return { url, output: () => output, stop }
}

/** Whoever runs the tests may be logged in to Cloudflare; the tests are not. */
function withoutCloudflare(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(CLOUDFLARE|CF)_/.test(name)))
}
