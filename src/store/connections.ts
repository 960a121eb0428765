import { type ClientBase, Pool, type PoolClient, type PoolConfig } from 'pg'
import { ValenceError } from '../errors.ts'
import type { Notifications } from './notifications.ts'
import { VALUE_TYPES } from './value-types.ts'

/**
 * Connections to PostgreSQL, for Kysely and for whoever has SQL of their own. A connection is held for a transaction and goes
 * back after it; who finds none free waits in a queue that is bounded in length and in time.
 */
export type Connections = {
  /** @throws ValenceError busy, where too many wait or the wait is too long */
  connect(): Promise<PoolClient>
  /** connections in use, and callers who wait for one */
  depth(): { inUse: number; waiting: number }
  end(): Promise<void>
}

/** An open store of either kind, of which it is not yet known what tables it has. */
export type OpenPostgres = {
  connections: Connections
  notifications: Pick<Notifications, 'listen'>
  /** whether it answers now, as far as is known without asking it */
  isReachable(): boolean
  /** Call it when the connections have ended. */
  close(): Promise<void>
}

export type ConnectionsOptions = {
  config: PoolConfig
  /** run on each new connection before anybody gets it */
  prepare: (client: ClientBase) => Promise<unknown>
  /** told of a connection that broke while nobody used it */
  onTrouble: (error: Error) => void
}

/**
 * A statement takes about a millisecond, so this many wait for a second or two: long enough for a burst, and a caller who
 * would wait longer is better told to come back.
 */
const MAX_WAITING = 2000

/** How long a caller waits for a connection, in ms. */
const CONNECTION_TIMEOUT_MS = 10_000

const RETRY_AFTER_SECONDS = 1

/** What `pg` says where the wait was too long. */
const WAITED_TOO_LONG = /timeout exceeded when trying to connect/

export function createConnections({ config, prepare, onTrouble }: ConnectionsOptions): Connections {
  const pool = new Pool({
    ...config,
    types: VALUE_TYPES,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    async onConnect(client) {
      // The pool hears of a break while the connection lies idle; while it is used, whoever uses it does.
      client.on('error', () => {})
      await prepare(client)
    },
  })
  pool.on('error', onTrouble)
  return {
    async connect() {
      if (pool.waitingCount >= MAX_WAITING) throw busy()
      try {
        return await pool.connect()
      } catch (error) {
        throw error instanceof Error && WAITED_TOO_LONG.test(error.message) ? busy(error) : error
      }
    },
    depth: () => ({ inUse: pool.totalCount - pool.idleCount, waiting: pool.waitingCount }),
    end: () => pool.end(),
  }
}

function busy(cause?: Error): ValenceError {
  return new ValenceError('busy', 'The store has too much to do at the moment. Try again in a moment.', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    ...(cause ? { cause } : {}),
  })
}
