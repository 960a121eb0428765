import { type Kysely, sql } from 'kysely'
import type { Database } from './database.ts'

/** Adds chunks of a content, one after another from a position on. */
export async function insertChunks(
  db: Kysely<Database>,
  { contentId, position, chunks }: { contentId: string; position: number; chunks: readonly Uint8Array[] },
): Promise<void> {
  const rows = chunks.map((bytes, index) => ({ content_id: contentId, position: position + index, bytes }))
  await db.insertInto('file_chunks').values(rows).execute()
}

export async function findChunk(
  db: Kysely<Database>,
  contentId: string,
  position: number,
): Promise<Uint8Array | undefined> {
  const row = await db
    .selectFrom('file_chunks')
    .select('bytes')
    .where('content_id', '=', contentId)
    .where('position', '=', position)
    .executeTakeFirst()
  return row?.bytes
}

export async function deleteChunks(db: Kysely<Database>, contentId: string): Promise<void> {
  await db.deleteFrom('file_chunks').where('content_id', '=', contentId).execute()
}

/** The contents whose first chunk was written before a time. */
export async function contentsWrittenBefore(db: Kysely<Database>, time: Date): Promise<string[]> {
  const rows = await db
    .selectFrom('file_chunks')
    .select('content_id')
    .where('position', '=', 0)
    .where('created_at', '<', sql<Date>`${time}`)
    .execute()
  return rows.map((row) => row.content_id)
}
