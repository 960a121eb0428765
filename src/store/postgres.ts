import type { ClientBase, PoolClient } from 'pg'
import { type Connections, createConnections, type OpenPostgres } from './connections.ts'
import { createHearingConnection } from './hearing-connection.ts'
import { asStoreError, StoreError } from './store-error.ts'

/** More than a process with one event loop keeps busy, and few enough that a server with 100 connections serves several. */
const MAX_CONNECTIONS = 10

/** The oldest version whose SQL is used and tested, as PostgreSQL writes it: 15.0. */
const OLDEST_VERSION = 150_000

/** What a day is, and how long a statement or a forgotten transaction may hold others up. */
const SESSION = "set time zone 'UTC'; set statement_timeout = '60s'; set idle_in_transaction_session_timeout = '60s'"

/** @throws StoreError that says why the server cannot be used */
export async function openPostgres(
  databaseUrl: string,
  onTrouble: (error: Error) => void,
  signal?: AbortSignal,
): Promise<OpenPostgres> {
  const place = placeOf(databaseUrl)
  const config = { connectionString: databaseUrl, application_name: 'valence' }
  const connections = createConnections({
    config: { ...config, max: MAX_CONNECTIONS },
    prepare: (client) => client.query(SESSION),
    onTrouble,
  })
  try {
    const client = await connectUnless(signal, connections)
    await refuseOldVersion(client, place).finally(() => client.release())
  } catch (error) {
    // A server that does not answer is not waited for.
    void connections.end()
    throw asStoreError(error, place)
  }
  const hearing = createHearingConnection(config, onTrouble)
  return {
    connections,
    notifications: hearing,
    isReachable: () => !hearing.isBroken(),
    close: () => hearing.close(),
  }
}

async function connectUnless(signal: AbortSignal | undefined, connections: Connections): Promise<PoolClient> {
  const connecting = connections.connect()
  if (!signal) return connecting
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const giveUp = () => {
    void connecting.then((client) => client.release()).catch(() => {})
    reject(signal.reason)
  }
  signal.addEventListener('abort', giveUp)
  if (signal.aborted) giveUp()
  return Promise.race([connecting, aborted]).finally(() => signal.removeEventListener('abort', giveUp))
}

async function refuseOldVersion(client: ClientBase, place: string): Promise<void> {
  const { rows } = await client.query("select current_setting('server_version_num')::int as number")
  const { number } = rows[0] as { number: number }
  if (number >= OLDEST_VERSION) return
  throw new StoreError(`${place} is PostgreSQL ${Math.floor(number / 10_000)}; Valence needs 15 or newer.`)
}

/** Where a server is, without the user and password of its address. */
function placeOf(databaseUrl: string): string {
  let url: URL
  try {
    url = new URL(databaseUrl)
  } catch {
    throw new StoreError('DATABASE_URL is no address such as postgres://user:password@host:5432/database.')
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')
    throw new StoreError(`DATABASE_URL must begin with postgres://, not ${url.protocol}//.`)
  const host = url.searchParams.get('host') ?? (url.host || 'localhost')
  return `postgres://${host}${url.pathname}`
}
