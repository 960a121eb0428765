import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import type { Database } from './database.ts'
import { UNFINISHED } from './job-tables.ts'

export type FileRow = Selectable<Database['files']>

/** The part of a list that a client asks for: what comes after one of its entries, newest first unless it says else. */
export type Page = { after: string | undefined; limit: number; order: 'asc' | 'desc' }

/** What is told of one content, beside its bytes. */
export type NewFile = Pick<
  FileRow,
  'id' | 'account_id' | 'content_id' | 'filename' | 'purpose' | 'bytes' | 'sha256'
> & {
  expires_at: Date | null
}

export async function insertFile(db: Kysely<Database>, file: NewFile): Promise<FileRow> {
  return db.insertInto('files').values(file).returningAll().executeTakeFirstOrThrow()
}

export async function findFile(db: Kysely<Database>, accountId: string, id: string): Promise<FileRow | undefined> {
  return visibleFiles(db, accountId).where('id', '=', id).executeTakeFirst()
}

/** A file that nobody can delete before the transaction ends. */
export async function holdFile(
  transaction: Transaction<Database>,
  accountId: string,
  id: string,
): Promise<FileRow | undefined> {
  return visibleFiles(transaction, accountId).where('id', '=', id).forShare().executeTakeFirst()
}

/**
 * What accounts may see in their lists.
 *
 * @returns one entry more than the page has, where there are more
 */
export async function listFiles(
  db: Kysely<Database>,
  accountId: string,
  { after, limit, order, purpose }: Page & { purpose: string | undefined },
): Promise<FileRow[]> {
  let query = visibleFiles(db, accountId).where('purpose', '<>', 'job_output')
  if (purpose !== undefined) query = query.where('purpose', '=', purpose)
  if (after !== undefined) {
    const beyond = order === 'desc' ? sql.raw('<') : sql.raw('>')
    query = query.where(
      sql<boolean>`(created_at, id) ${beyond} (select created_at, id from files where id = ${after} and account_id = ${accountId})`,
    )
  }
  return query
    .orderBy('created_at', order)
    .orderBy('id', order)
    .limit(limit + 1)
    .execute()
}

/**
 * Forgets a file, unless a batch that is not finished reads it.
 *
 * @returns the id of its content, which nobody has any more; `in_use`; or undefined where there is no such file
 */
export async function deleteFile(
  db: Kysely<Database>,
  accountId: string,
  id: string,
): Promise<{ contentId: string } | 'in_use' | undefined> {
  return db.transaction().execute(async (transaction) => {
    const file = await transaction
      .selectFrom('files')
      .select('content_id')
      .where('id', '=', id)
      .where('account_id', '=', accountId)
      .forUpdate()
      .executeTakeFirst()
    if (!file) return undefined
    const reader = await transaction
      .selectFrom('batches')
      .select('id')
      .where('input_file_id', '=', id)
      .where('status', 'in', UNFINISHED)
      .executeTakeFirst()
    if (reader) return 'in_use'
    await transaction.deleteFrom('files').where('id', '=', id).execute()
    return { contentId: file.content_id }
  })
}

/** How many bytes the files of an account have together. */
export async function bytesOfAccount(db: Kysely<Database>, accountId: string): Promise<number> {
  const { bytes } = await db
    .selectFrom('files')
    .select(sql<string | number | null>`coalesce(sum(bytes), 0)`.as('bytes'))
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow()
  return Number(bytes)
}

/** Forgets the files whose time is over, unless a batch that is not finished reads them. */
export async function deleteExpiredFiles(db: Kysely<Database>): Promise<{ contentIds: string[] }> {
  const rows = await db
    .deleteFrom('files')
    .where('expires_at', '<=', sql<Date>`now()`)
    .where('id', 'not in', (query) =>
      query.selectFrom('batches').select('input_file_id').where('status', 'in', UNFINISHED),
    )
    .returning('content_id')
    .execute()
  return { contentIds: rows.map((row) => row.content_id) }
}

/** Those among some contents that no file has and no unfinished batch reads. */
export async function unusedContents(db: Kysely<Database>, contentIds: readonly string[]): Promise<string[]> {
  if (contentIds.length === 0) return []
  const ids = [...contentIds]
  const files = await db.selectFrom('files').select('content_id').where('content_id', 'in', ids).execute()
  const batches = await db
    .selectFrom('batches')
    .select('input_content_id')
    .where('input_content_id', 'in', ids)
    .where('status', 'in', UNFINISHED)
    .execute()
  const used = new Set([...files.map((row) => row.content_id), ...batches.map((row) => row.input_content_id)])
  return ids.filter((id) => !used.has(id))
}

function visibleFiles(db: Kysely<Database>, accountId: string) {
  return db
    .selectFrom('files')
    .selectAll()
    .where('account_id', '=', accountId)
    .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', sql<Date>`now()`)]))
}
