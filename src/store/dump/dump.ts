import { type ControlledTransaction, sql } from 'kysely'
import type { Database } from '../database.ts'
import { migrationsOf } from '../migrate.ts'
import type { Store } from '../store.ts'
import { type Contents, FORMAT, type Line, type OpenContents, type Progress, type RowLine, VERSION } from './format.ts'
import { type Table, tablesOf } from './tables.ts'

export type DumpOptions = {
  secrets: Record<string, string>
  openContents: OpenContents
  onProgress?: (progress: Progress) => void
}

/** What is fetched at once has about this size, so that memory is bounded whatever the rows hold. */
const BATCH_BYTES = 1024 * 1024
const FIRST_BATCH_ROWS = 20
const MAX_BATCH_ROWS = 2000

/** Bytes of a content in a line; divisible by three, so that base64 ends without padding. */
const PIECE_BYTES = 192 * 1024

/** The lines of a dump, as the store was at one moment, whatever is written meanwhile. */
export async function* dumpStore(store: Store, options: DumpOptions): AsyncGenerator<Line> {
  const { secrets, openContents, onProgress = () => {} } = options
  const transaction = await store.db
    .startTransaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute()
  try {
    // A slow reader, such as a pipe over a network, is not an idle transaction.
    await sql`set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0`.execute(transaction)
    const migrations = await migrationsOf(transaction)
    const tables = await tablesOf(transaction)
    const counts = new Map<string, number>()
    for (const { name } of tables) counts.set(name, await countOf(transaction, name))
    const totalRows = [...counts.values()].reduce((sum, count) => sum + count, 0)

    yield {
      format: FORMAT,
      version: VERSION,
      migrations,
      createdAt: new Date().toISOString(),
      rows: totalRows,
      secrets,
    }
    let rows = 0
    for (const table of tables) {
      yield { table: table.name, columns: table.columns.map(({ name }) => name), rows: counts.get(table.name)! }
      for await (const row of rowsOf(transaction, table)) {
        yield row
        onProgress({ rows: ++rows, totalRows })
      }
      for (const name of table.sequences) yield await sequenceLine(transaction, name)
    }
    const ids = await contentIdsOf(transaction, tables)
    if (ids.length > 0) {
      const contents = await openContents(transaction)
      for (const id of ids) yield* contentLines(contents, id)
    }
    yield { end: true, rows, contents: ids.length }
  } finally {
    await transaction.rollback().execute()
  }
}

/** The contents that files have, and those that batches still read. */
async function contentIdsOf(transaction: ControlledTransaction<Database>, tables: readonly Table[]): Promise<string[]> {
  if (!tables.some(({ name }) => name === 'files')) return []
  const { rows } = await sql<{ id: string }>`
    select content_id as id from files
    union select input_content_id from batches where status in ('validating', 'in_progress', 'finalizing', 'cancelling')
    order by 1`.execute(transaction)
  return rows.map(({ id }) => id)
}

async function countOf(transaction: ControlledTransaction<Database>, table: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) as count from ${sql.table(table)}`.execute(transaction)
  return rows[0]!.count
}

async function* rowsOf(
  transaction: ControlledTransaction<Database>,
  { name, columns }: Table,
): AsyncGenerator<RowLine> {
  const texts = sql.join(columns.map((column) => sql`${sql.ref(column.name)}::text`))
  await sql`declare dump_rows no scroll cursor for select array[${texts}]::text[] as row from ${sql.table(name)}`.execute(
    transaction,
  )
  let batchRows = FIRST_BATCH_ROWS
  for (;;) {
    const { rows } = await sql<{ row: RowLine }>`fetch ${sql.raw(String(batchRows))} from dump_rows`.execute(
      transaction,
    )
    let bytes = 0
    for (const { row } of rows) {
      for (const value of row) bytes += value?.length ?? 0
      yield row
    }
    if (rows.length < batchRows) break
    batchRows = Math.min(MAX_BATCH_ROWS, Math.max(1, Math.floor((BATCH_BYTES * rows.length) / Math.max(bytes, 1))))
  }
  await sql`close dump_rows`.execute(transaction)
}

async function sequenceLine(transaction: ControlledTransaction<Database>, name: string): Promise<Line> {
  const { rows } = await sql<{ value: string; called: boolean }>`
    select last_value::text as value, is_called as called from ${sql.table(name)}`.execute(transaction)
  return { sequence: name, ...rows[0]! }
}

async function* contentLines(contents: Contents, id: string): AsyncGenerator<Line> {
  yield { content: id }
  let rest: Buffer = Buffer.alloc(0)
  for await (const piece of contents.read(id, 0)) {
    rest = Buffer.concat([rest, piece])
    for (; rest.length >= PIECE_BYTES; rest = rest.subarray(PIECE_BYTES))
      yield rest.subarray(0, PIECE_BYTES).toString('base64')
  }
  if (rest.length > 0) yield rest.toString('base64')
}
