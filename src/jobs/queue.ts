import { CompiledQuery, type Transaction } from 'kysely'
import type { Database } from '../store/database.ts'
import type { Store } from '../store/store.ts'

/** Where pg-boss keeps its tables; a migration makes it. */
const SCHEMA = 'pgboss'

/**
 * How often a process looks for work that another one sent; what it sent itself it begins at once. Nobody else can send
 * any to an embedded store, where looking is for what was delayed for long.
 */
const POLL_SECONDS = { postgres: 5, embedded: 60 }

/** A worker that lives says so this often, three times before it counts as dead. */
const HEARTBEAT_SECONDS = 15

/** How often the queue looks for the dead, and for what is long done. */
const SUPERVISE_SECONDS = 20

/** Work whose process died is given to another; what kills ten processes is not tried by an eleventh. */
const MAX_RETRIES = 10

/** Work that is due later than this is found when the queue is next looked through. */
const MAX_WAKE_MS = 60_000
const WAKE_LATE_MS = 50

/** An hour of work at once is a fault: whatever takes longer is to be done in slices that send the next. */
const MAX_WORK_SECONDS = 3600

/** Nobody reads what is done; the rows of the work itself say how it went. */
const KEEP_SECONDS = 600

/** Work that outlives its process: it is done at least once, by one of the replicas, in no certain order. */
export type Queue = {
  /** Takes up work of a kind. A handler that throws gets the same work again, later. */
  work<T extends object>(kind: string, options: { concurrency: number }, handler: Handler<T>): Promise<void>
  /**
   * Adds work. Within a transaction it is there if and only if the transaction commits; call `wake` then.
   *
   * @param options.key work of one kind with the same key is added once, as long as none of it has begun
   */
  send(
    kind: string,
    data: object,
    options?: { transaction?: Transaction<Database>; delayMs?: number; key?: string },
  ): Promise<void>
  /** Lets this process look for work of a kind at once, or when its time has come. */
  wake(kind: string, delayMs?: number): void
  /** Takes up nothing more and waits until what is under way has ended, which `signal` tells it to. */
  close(): Promise<void>
}

export type Handler<T> = (data: T, signal: AbortSignal) => Promise<void>

/** @param kinds every kind of work that there is */
export async function openQueue(
  store: Store,
  kinds: readonly string[],
  { onError }: { onError: (error: unknown) => void },
): Promise<Queue> {
  // Imported when the store is open, which is after the server listens: it brings a calendar and other things.
  const { PgBoss } = await import('pg-boss')
  const boss = new PgBoss({
    db: { executeSql: store.executeSql },
    schema: SCHEMA,
    createSchema: false,
    backend: store.kind === 'embedded' ? 'pglite' : 'postgres',
    // Nothing here runs by the calendar, and none of the rest is worth waking an idle machine for.
    schedule: false,
    superviseIntervalSeconds: SUPERVISE_SECONDS,
    monitorIntervalSeconds: SUPERVISE_SECONDS,
    maintenanceIntervalSeconds: KEEP_SECONDS,
    queueCacheIntervalSeconds: 3600,
    bamIntervalSeconds: 3600,
    flowIntervalSeconds: 3600,
    reindex: false,
    monitorVacuum: false,
  })
  boss.on('error', onError)
  await boss.start()
  for (const kind of kinds) {
    await boss.createQueue(kind, {
      policy: 'short',
      retryLimit: MAX_RETRIES,
      retryDelay: 1,
      retryBackoff: true,
      retryDelayMax: 300,
      heartbeatSeconds: HEARTBEAT_SECONDS,
      expireInSeconds: MAX_WORK_SECONDS,
      deleteAfterSeconds: KEEP_SECONDS,
    })
    // It looks a queue up when it first needs it, which must not be in a transaction that has the only connection.
    await boss.findJobs(kind, { id: crypto.randomUUID() })
  }
  const stopping = new AbortController()
  const workers = new Map<string, string[]>()
  const underWay = new Set<Promise<void>>()
  const timers = new Set<NodeJS.Timeout>()

  return {
    async work<T extends object>(kind: string, { concurrency }: { concurrency: number }, handler: Handler<T>) {
      const polling = { pollingIntervalSeconds: POLL_SECONDS[store.kind], batchSize: 1 }
      const ids: string[] = []
      // A worker each, since only by its own id can one be woken.
      while (ids.length < concurrency) {
        const place = ids.length
        const id = await boss.work<T>(kind, polling, async ([job]: { data: T }[]) => {
          // Where there was work there may be more; else it would look again a while after this is done.
          boss.notifyWorker(ids[place] ?? '')
          const done = handler(job!.data, stopping.signal)
          underWay.add(done)
          await done.finally(() => underWay.delete(done))
        })
        ids.push(id)
      }
      workers.set(kind, ids)
    },
    async send(kind, data, { transaction, delayMs, key } = {}) {
      await boss.send(kind, data, {
        ...(transaction && { db: { executeSql: executeIn(transaction) } }),
        ...(delayMs !== undefined && { startAfter: new Date(Date.now() + delayMs) }),
        // The policy makes one queue of a key; work without one gets a key of its own.
        singletonKey: key ?? crypto.randomUUID(),
      })
      if (!transaction) wake(kind, delayMs)
    },
    wake,
    async close() {
      stopping.abort()
      for (const timer of timers) clearTimeout(timer)
      await Promise.allSettled(underWay)
      await boss.stop({ graceful: false, close: false })
    },
  }

  function wake(kind: string, delayMs = 0): void {
    if (delayMs > MAX_WAKE_MS) return
    // The database's clock may be a little behind.
    const timer = setTimeout(
      () => {
        timers.delete(timer)
        for (const id of workers.get(kind) ?? []) boss.notifyWorker(id)
      },
      delayMs && delayMs + WAKE_LATE_MS,
    )
    timers.add(timer)
  }
}

function executeIn(transaction: Transaction<Database>) {
  return async (text: string, values: unknown[] = []) => {
    const { rows } = await transaction.executeQuery(CompiledQuery.raw(text, values))
    return { rows }
  }
}
