import type { Kysely } from 'kysely'
import type { Database } from './database.ts'

export type EventRow = { id: string; accountId: string; type: string; data: Record<string, unknown> }

/** Puts events into the outbox; within a transaction they are there if and only if what they tell of is. */
export async function insertEvents(db: Kysely<Database>, events: readonly EventRow[]): Promise<void> {
  if (events.length === 0) return
  await db
    .insertInto('events')
    .values(
      events.map(({ id, accountId, type, data }) => ({ id, account_id: accountId, type, data: JSON.stringify(data) })),
    )
    .execute()
}
