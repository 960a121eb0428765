import type { Connections } from '../connections.ts'

/**
 * What a PostgreSQL server's own processes do in the background, and the embedded one has nobody for: checkpoints, so that the
 * log stays small and the next start short, and vacuuming.
 */
export type Maintenance = { stop(): void }

/** How often it is looked after, in ms. */
const INTERVAL_MS = 10_000

/** Log that may grow before a checkpoint; replaying this much at the next start takes about a tenth of a second. */
const CHECKPOINT_BYTES = 8 * 1024 * 1024

/** A checkpoint is due after this long, in ms, wherever anything was written. */
const CHECKPOINT_MS = 5 * 60_000

/** How often tables are looked through for dead rows, in ms. */
const VACUUM_MS = 60_000

/** The rule of PostgreSQL's own autovacuum, and an age far from where old rows would become a danger. */
const NEEDS_VACUUM = `
  select format('%I.%I', n.nspname, c.relname) as name
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_stat_all_tables s on s.relid = c.oid
  where c.relkind in ('r', 'm')
    and (s.n_dead_tup > 50 + 0.2 * greatest(c.reltuples, 0)
      or s.n_ins_since_vacuum > 1000 + 0.2 * greatest(c.reltuples, 0)
      or age(c.relfrozenxid) > 100000000)`

export function startMaintenance(connections: Connections, onTrouble: (error: Error) => void): Maintenance {
  let checkpointAt = Date.now()
  let vacuumAt = Date.now()
  let written: number | undefined
  let running = false

  async function run<Row>(statement: string): Promise<Row[]> {
    const client = await connections.connect()
    try {
      return (await client.query(statement)).rows as Row[]
    } finally {
      client.release()
    }
  }

  async function checkpointIfDue(): Promise<void> {
    const [{ bytes }] = (await run("select pg_current_wal_insert_lsn() - '0/0' as bytes")) as [{ bytes: number }]
    written ??= bytes
    const due = bytes - written > CHECKPOINT_BYTES || (bytes > written && Date.now() - checkpointAt > CHECKPOINT_MS)
    if (!due) return
    await run('CHECKPOINT')
    checkpointAt = Date.now()
    const [after] = (await run("select pg_current_wal_insert_lsn() - '0/0' as bytes")) as [{ bytes: number }]
    written = after.bytes
  }

  async function vacuumIfDue(): Promise<void> {
    if (Date.now() - vacuumAt < VACUUM_MS) return
    vacuumAt = Date.now()
    // One table at a time, so that requests have their turn between them.
    for (const { name } of await run<{ name: string }>(NEEDS_VACUUM)) await run(`VACUUM (ANALYZE) ${name}`)
  }

  const timer = setInterval(() => {
    if (running) return
    running = true
    vacuumIfDue()
      .then(checkpointIfDue)
      .catch(onTrouble)
      .finally(() => {
        running = false
      })
  }, INTERVAL_MS).unref()
  return { stop: () => clearInterval(timer) }
}
