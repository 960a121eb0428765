import { execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Client } from 'pg'

/** A PostgreSQL server of the tests' own, and its administrator's address. */
export type TestPostgres = { url: string; stop(): Promise<void> }

const START_WITHIN_MS = 30_000

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  // It dies with the tests, which are about what Valence does.
  fsync: 'off',
  max_connections: '200',
}

/**
 * Stops the server when standard input ends, which it does however we end. SIGINT is PostgreSQL's fast shutdown: it does not wait for
 * clients to go.
 */
const RUN_WHILE_WE_LIVE = 'postgres "$@" & read -r _; kill -INT $!; wait'

type Account = { uid?: number; gid?: number }

/** Starts a server in a folder of its own, on a free port; undefined where PostgreSQL is not on this machine. */
export async function startTestPostgres(): Promise<TestPostgres | undefined> {
  if (!isOnPath('initdb') || !isOnPath('postgres')) return undefined
  const account = unprivileged()
  const folder = mkdtempSync(join(tmpdir(), 'valence-postgres-'))
  if (account.uid !== undefined) chownSync(folder, account.uid, account.gid!)
  const data = join(folder, 'data')
  const options = { ...account, cwd: folder, stdio: 'ignore' } as const
  execFileSync(
    'initdb',
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    options,
  )
  const port = await freePort()
  const flags = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const child = spawn('sh', ['-c', RUN_WHILE_WE_LIVE, 'sh', '-D', data, '-p', String(port), ...flags], {
    ...options,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const stop = async () => {
    child.stdin.end()
    await exited
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await untilItAnswers(url)
  } catch (error) {
    await stop()
    throw error
  }
  return { url, stop }
}

function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))
}

/** PostgreSQL refuses to run as root, so root hands it to nobody. */
function unprivileged(): Account {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

async function untilItAnswers(url: string): Promise<void> {
  const deadline = Date.now() + START_WITHIN_MS
  for (;;) {
    const client = new Client({ connectionString: url })
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
      await setTimeout(50)
    }
  }
}
