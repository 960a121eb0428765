import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from './database.ts'
import { StoreError } from './store-error.ts'

/** One step of the schema. It is never changed once it is released: another step follows it. */
export type Migration = {
  /** its number, which orders it among the others */
  id: number
  name: string
  /** statements of SQL, separated by semicolons; they run in one transaction */
  sql: string
}

/** The advisory lock under which a step is taken; an arbitrary number that nobody else uses. */
const LOCK = 8_484_000_001

/**
 * Brings the schema to what the program knows. Each step has its transaction, and takes the lock in it: of several processes
 * that start at once one takes a step, and the others find it done.
 *
 * @returns the steps that were taken here
 * @throws StoreError where the store has a step that the program does not know
 */
export async function migrate(db: Kysely<Database>, migrations: readonly Migration[]): Promise<Migration[]> {
  const taken: Migration[] = []
  for (;;) {
    const next = await db.transaction().execute((transaction) => takeNext(transaction, migrations))
    if (!next) return taken
    taken.push(next)
  }
}

/** The numbers of the steps that a store has taken, in order. */
export async function migrationsOf(db: Kysely<Database>): Promise<number[]> {
  const rows = await db.selectFrom('schema_migrations').select('id').orderBy('id').execute()
  return rows.map(({ id }) => id)
}

async function takeNext(
  transaction: Transaction<Database>,
  migrations: readonly Migration[],
): Promise<Migration | undefined> {
  await sql`select pg_advisory_xact_lock(${LOCK})`.execute(transaction)
  // A step over large tables may take longer than a statement usually may.
  await sql`set local statement_timeout = 0`.execute(transaction)
  await makeTable(transaction)
  const done = new Set(await migrationsOf(transaction))
  refuseNewer(done, migrations)
  const next = migrations.find(({ id }) => !done.has(id))
  if (next) await apply(transaction, next)
  return next
}

/** Takes these steps in a transaction of the caller's, in a store that has taken none. */
export async function applyMigrations(
  transaction: Transaction<Database>,
  migrations: readonly Migration[],
): Promise<void> {
  await sql`select pg_advisory_xact_lock(${LOCK})`.execute(transaction)
  await makeTable(transaction)
  for (const migration of migrations) await apply(transaction, migration)
}

async function makeTable(transaction: Transaction<Database>): Promise<void> {
  await sql`create table if not exists schema_migrations (
    id integer primary key,
    name text not null,
    applied_at timestamptz not null default now()
  )`.execute(transaction)
}

async function apply(transaction: Transaction<Database>, { id, name, sql: text }: Migration): Promise<void> {
  await sql.raw(text).execute(transaction)
  await transaction.insertInto('schema_migrations').values({ id, name }).execute()
}

function refuseNewer(done: ReadonlySet<number>, migrations: readonly Migration[]): void {
  const known = new Set(migrations.map(({ id }) => id))
  const unknown = [...done].filter((id) => !known.has(id))
  if (unknown.length === 0) return
  throw new StoreError(
    `The store was changed by a newer Valence (it has ${unknown.length === 1 ? 'step' : 'steps'} ${unknown.join(', ')}, which this one does not know). ` +
      'Run that version or a later one; a store is never changed back.',
  )
}
