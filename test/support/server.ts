import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { freshDataDir } from './data-dir.ts'

/** A real server in a process of its own, as `npm start` runs it. */
export type RunningServer = {
  /** such as http://127.0.0.1:40123 */
  url: string
  process: ChildProcess
  /** what it has printed so far, standard output and error together */
  output(): string
  /** Ends it as a service manager would; resolves to its exit code. */
  stop(): Promise<number | null>
}

/** No test may reach for the network, or find what whoever runs it has in the cache; one with a Hub of its own says so. */
const NO_HUB = { VALENCE_OFFLINE: '1', HF_HUB_CACHE: '/nonexistent', HF_TOKEN: '' }

const START_WITHIN_MS = 60_000

/** Starts a server on a free port and waits until it says that it is ready. */
export async function startTestServer(flags: string[] = [], env: Record<string, string> = {}): Promise<RunningServer> {
  const ownDataDir = env.VALENCE_DATA_DIR === undefined ? freshDataDir() : undefined
  const child = spawn(process.execPath, ['src/cli/valence.js', 'serve', '--port', '0', ...flags], {
    env: { ...process.env, ...NO_HUB, VALENCE_API_KEYS: '', DATABASE_URL: '', VALENCE_DATA_DIR: ownDataDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stderr.on('data', (chunk) => (output += chunk))
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve)).finally(() => {
    if (ownDataDir !== undefined) rmSync(ownDataDir, { recursive: true, force: true })
  })
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`the server was not ready in time:\n${output}`))
    }, START_WITHIN_MS)
    void exited.then((code) => reject(new Error(`the server ended with ${code}:\n${output}`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      output += `${line}\n`
      const ready = /ready on (http:\/\/\S+?)\. /.exec(line)?.[1]
      if (!ready) return
      clearTimeout(timer)
      resolve(ready)
    })
  })
  return {
    url,
    process: child,
    output: () => output,
    stop() {
      child.kill('SIGTERM')
      return exited
    },
  }
}
