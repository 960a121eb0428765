import { Kysely, PostgresDialect } from 'kysely'
import type { QueryResult } from 'pg'
import type { Connections } from './connections.ts'
import type { Database } from './database.ts'
import { openEmbedded } from './embedded/open.ts'
import { migrate } from './migrate.ts'
import { MIGRATIONS } from './migrations/all.ts'
import type { Subscription } from './notifications.ts'
import { openPostgres } from './postgres.ts'

/** PostgreSQL inside this process, or a server that several processes share. */
export type StoreKind = 'embedded' | 'postgres'

/** Everything that Valence keeps, in PostgreSQL. */
export type Store = {
  kind: StoreKind
  /**
   * Within a transaction use that transaction alone: the embedded store has one connection, and whoever asks for another
   * waits for itself, until it is told that the store is busy.
   */
  db: Kysely<Database>
  /** Runs SQL that is not ours, such as the queue's; several statements are allowed where there are no values. */
  executeSql(text: string, values?: unknown[]): Promise<QueryResult>
  /**
   * Hears notifications on a channel, from every process that shares the store.
   *
   * @param onConnected told when the channel begins to be heard, and again after a break, in which something may have been
   *   missed
   */
  listen(channel: string, onPayload: (payload: string) => void, onConnected?: () => void): Promise<Subscription>
  /** Tells every listener of a channel; the payload has at most 7,999 bytes. */
  notify(channel: string, payload: string): Promise<void>
  /** connections in use, and callers who wait for one */
  depth(): { inUse: number; waiting: number }
  /** whether it answers now, as far as is known without asking it */
  isReachable(): boolean
  /** Waits for what is under way, and lets go of everything. */
  close(): Promise<void>
}

export type StoreOptions = {
  /** `postgres://…`, of a server; without it the embedded one is used */
  databaseUrl?: string | undefined
  /** where the embedded one keeps its files */
  dataDir: string
  /** told of what goes wrong beside the requests */
  onTrouble?: (error: Error) => void
  /** gives up while it opens */
  signal?: AbortSignal
}

/**
 * Opens the store and brings its schema to what this program knows.
 *
 * @throws StoreError that says why it cannot be opened
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const store = await openUnmigrated(options)
  try {
    await migrate(store.db, MIGRATIONS)
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Opens the store as it lies there. */
export async function openUnmigrated(options: StoreOptions): Promise<Store> {
  const { databaseUrl, dataDir, onTrouble = () => {}, signal } = options

  const kind = databaseUrl === undefined ? 'embedded' : 'postgres'
  const { connections, notifications, isReachable, close } =
    databaseUrl === undefined
      ? await openEmbedded(dataDir, onTrouble, signal)
      : await openPostgres(databaseUrl, onTrouble, signal)
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: connections }) })
  let closed: Promise<void> | undefined
  return {
    kind,
    db,
    executeSql: (text, values) => executeSql(connections, text, values),
    listen: (channel, onPayload, onConnected = () => {}) => notifications.listen(channel, { onPayload, onConnected }),
    async notify(channel, payload) {
      await executeSql(connections, 'select pg_notify($1, $2)', [channel, payload])
    },
    depth: connections.depth,
    isReachable,
    close() {
      closed ??= db.destroy().then(close)
      return closed
    },
  }
}

async function executeSql(connections: Connections, text: string, values?: unknown[]): Promise<QueryResult> {
  const client = await connections.connect()
  let broken = false
  try {
    return await client.query(text, values)
  } catch (error) {
    // A block of statements that failed on its way has left its transaction open; elsewhere this does nothing.
    await client.query('ROLLBACK').catch(() => {
      broken = true
    })
    throw error
  } finally {
    client.release(broken)
  }
}
