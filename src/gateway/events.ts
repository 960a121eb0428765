import type { Kysely } from 'kysely'
import type { Database } from '../store/database.ts'
import { insertEvents } from '../store/events.ts'
import { newId } from './ids.ts'

/** What an account's webhooks are told of. */
export type EventType =
  | 'job.completed'
  | 'job.failed'
  | 'batch.completed'
  | 'usage.threshold'
  | 'balance.low'
  | 'key.rotated'
  | 'sub_account.budget.exhausted'

export type NewEvent = {
  /** whose webhooks are told: an account, never a sub-account */
  accountId: string
  type: EventType
  data: Record<string, unknown>
}

/**
 * Puts events into the outbox, from which webhooks are sent. Handed a transaction, it happens if and only if the
 * transaction does.
 */
export async function emitEvents(db: Kysely<Database>, events: readonly NewEvent[]): Promise<void> {
  await insertEvents(
    db,
    events.map((event) => ({ id: newId('evt'), ...event })),
  )
}
