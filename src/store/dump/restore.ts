import { sql, type Transaction } from 'kysely'
import type { Database } from '../database.ts'
import { applyMigrations, type Migration, migrate } from '../migrate.ts'
import { MIGRATIONS } from '../migrations/all.ts'
import type { Store } from '../store.ts'
import { StoreError } from '../store-error.ts'
import { type Contents, FORMAT, type Head, type OpenContents, type Progress, VERSION } from './format.ts'
import { cutOff } from './lines.ts'
import { type Table, tablesOf } from './tables.ts'

export type RestoreOptions = {
  openContents: OpenContents
  /** puts the secrets of the dump where they belong, when the rows are there */
  keepSecrets: (secrets: Record<string, string>, transaction: Transaction<Database>) => Promise<void>
  onProgress?: (progress: Progress) => void
}

export type Restored = { rows: number; contents: number; migrations: Migration[] }

/** Rows that go in at once, by number and by size. */
const BATCH_ROWS = 500
const BATCH_CHARACTERS = 1024 * 1024

/**
 * Fills an empty store with a dump, in one transaction, and takes the steps that have come since. Where it fails the store is
 * as empty as before.
 *
 * @param store opened as it lies there
 * @throws StoreError where the store is not empty, or the dump is damaged or of a newer version
 */
export async function restoreStore(
  store: Store,
  lines: AsyncGenerator,
  { openContents, keepSecrets, onProgress = () => {} }: RestoreOptions,
): Promise<Restored> {
  const head = headFrom((await lines.next()).value)
  const known = new Map(MIGRATIONS.map((migration) => [migration.id, migration]))
  const unknown = head.migrations.filter((id) => !known.has(id))
  if (unknown.length > 0)
    throw new StoreError(
      `The dump was made by a newer Valence (it has step ${unknown.join(', ')}). Restore it with that version or a later one.`,
    )
  const restored = await store.db.transaction().execute(async (transaction) => {
    await sql`set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0`.execute(transaction)
    await refuseUsedStore(transaction)
    await applyMigrations(
      transaction,
      [...head.migrations].map((id) => known.get(id)!),
    )
    const loosened = await loosen(transaction)
    const counts = await load(transaction, lines, {
      openContents: async () => openContents(transaction),
      onRows: (rows) => onProgress({ rows, totalRows: head.rows }),
    })
    await loosened.tighten()
    await keepSecrets(head.secrets, transaction)
    return counts
  })
  return { ...restored, migrations: await migrate(store.db, MIGRATIONS) }
}

function headFrom(line: unknown): Head {
  const head = line as Partial<Head> | undefined
  if (head?.format !== FORMAT || !Array.isArray(head.migrations))
    throw new StoreError('This is no dump of Valence: it does not begin like one.')
  if (head.version !== VERSION)
    throw new StoreError(`The dump has format ${String(head.version)}; this Valence reads ${VERSION}.`)
  return head as Head
}

async function refuseUsedStore(transaction: Transaction<Database>): Promise<void> {
  const { rows } = await sql`select 1 from pg_class
    where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') limit 1`.execute(transaction)
  if (rows.length === 0) return
  throw new StoreError(
    'A dump is restored into an empty store only, and this one has tables. ' +
      'Give --data-dir a folder that is not there yet, or DATABASE_URL a new database.',
  )
}

/**
 * Takes off what rows have to satisfy among one another, so that they may come in any order, and what was put in by the steps of the schema, which
 * the dump has as well.
 */
async function loosen(transaction: Transaction<Database>): Promise<{ tighten(): Promise<void> }> {
  const tables = await tablesOf(transaction)
  const { rows: references } = await sql<{ table: string; name: string; definition: string }>`
    select conrelid::regclass::text as table, conname as name, pg_get_constraintdef(oid) as definition
    from pg_constraint where contype = 'f' and connamespace = current_schema()::regnamespace`.execute(transaction)
  for (const { table, name } of references)
    await sql`alter table ${sql.raw(table)} drop constraint ${sql.ref(name)}`.execute(transaction)
  for (const { name } of tables) {
    await sql`delete from ${sql.table(name)}`.execute(transaction)
    await sql`alter table ${sql.table(name)} disable trigger user`.execute(transaction)
  }
  return {
    async tighten() {
      for (const { name } of tables) await sql`alter table ${sql.table(name)} enable trigger user`.execute(transaction)
      for (const { table, name, definition } of references)
        await sql`alter table ${sql.raw(table)} add constraint ${sql.ref(name)} ${sql.raw(definition)}`.execute(
          transaction,
        )
    },
  }
}

/** Reads the rest of the lines, after the head. */
async function load(
  transaction: Transaction<Database>,
  lines: AsyncGenerator,
  { openContents, onRows }: { openContents: () => Promise<Contents>; onRows: (rows: number) => void },
): Promise<{ rows: number; contents: number }> {
  const tables = new Map((await tablesOf(transaction)).map((table) => [table.name, table]))
  let rows = 0
  let written = 0
  let table: TableLoad | undefined
  let contents: Contents | undefined
  let next = await lines.next()
  while (!next.done) {
    const line = next.value
    if (Array.isArray(line)) {
      if (!table) throw damaged()
      await table.add(line)
      onRows(++rows)
    } else if (isLine(line, 'table')) {
      await table?.end()
      table = beginTable(transaction, tables, line)
    } else if (isLine(line, 'sequence')) {
      await sql`select setval(${line.sequence}::regclass, ${line.value}::bigint, ${line.called})`.execute(transaction)
    } else if (isLine(line, 'content')) {
      const after: { next?: IteratorResult<unknown> } = {}
      contents ??= await openContents()
      await contents.write(String(line.content), bytesOf(lines, after), { maxBytes: Number.MAX_SAFE_INTEGER })
      written++
      next = after.next ?? (await lines.next())
      continue
    } else if (isLine(line, 'end')) {
      await table?.end()
      if (line.rows !== rows || line.contents !== written) throw damaged()
      return { rows, contents: written }
    } else throw damaged()
    next = await lines.next()
  }
  throw cutOff()
}

function isLine<Key extends string>(line: unknown, key: Key): line is Record<Key | string, unknown> {
  return typeof line === 'object' && line !== null && key in line
}

/** @param after is told the line behind the content, which ends it */
async function* bytesOf(lines: AsyncGenerator, after: { next?: IteratorResult<unknown> }): AsyncGenerator<Uint8Array> {
  for (;;) {
    const next = await lines.next()
    if (next.done || typeof next.value !== 'string') {
      after.next = next
      return
    }
    yield Buffer.from(next.value, 'base64')
  }
}

type TableLoad = { add(row: unknown[]): Promise<void>; end(): Promise<void> }

function beginTable(
  transaction: Transaction<Database>,
  tables: ReadonlyMap<string, Table>,
  line: Record<string, unknown>,
): TableLoad {
  const table = tables.get(String(line.table))
  const names = line.columns as string[]
  const columns = names.map((name) => table?.columns.find((column) => column.name === name))
  if (!table || columns.includes(undefined)) throw damaged()
  const types = columns.map((column) => column!.type)
  const insert = sql`insert into ${sql.table(table.name)} (${sql.join(names.map((name) => sql.ref(name)))})
    overriding system value
    select ${sql.join(types.map((type, index) => sql`c${sql.raw(String(index))}::${sql.raw(type)}`))} from `
  let batch: unknown[][] = []
  let characters = 0
  let count = 0

  async function flush(): Promise<void> {
    if (batch.length === 0) return
    const lists = names.map((_, index) => sql`${batch.map((row) => row[index])}::text[]`)
    const aliases = sql.join(names.map((_, index) => sql.raw(`c${index}`)))
    await sql`${insert} unnest(${sql.join(lists)}) as rows (${aliases})`.execute(transaction)
    batch = []
    characters = 0
  }
  return {
    async add(row) {
      if (row.length !== names.length) throw damaged()
      batch.push(row)
      count++
      for (const value of row) characters += String(value).length
      if (batch.length >= BATCH_ROWS || characters >= BATCH_CHARACTERS) await flush()
    },
    async end() {
      await flush()
      if (count !== line.rows) throw damaged()
    },
  }
}

function damaged(): StoreError {
  return new StoreError('The dump is damaged; nothing was restored.')
}
