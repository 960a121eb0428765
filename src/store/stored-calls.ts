import { type Kysely, sql } from 'kysely'
import type { StoredScores, StoredText } from './comparison-tables.ts'
import type { Database } from './database.ts'

/** A call that was kept for replays. */
export type StoredCall = {
  requestId: string
  model: string
  inputs: StoredText[]
  activation: string | null
  results: StoredScores[]
  costMicros: number
  latencyMs: number
  expiresAt: Date
}

export async function insertStoredCall(
  db: Kysely<Database>,
  call: Omit<StoredCall, 'expiresAt'> & { accountId: string; keepDays: number },
): Promise<void> {
  await db
    .insertInto('stored_calls')
    .values({
      account_id: call.accountId,
      request_id: call.requestId,
      model: call.model,
      inputs: storable(call.inputs),
      activation: call.activation,
      results: storable(call.results),
      cost_micros: call.costMicros,
      latency_ms: call.latencyMs,
      expires_at: sql<Date>`now() + ${call.keepDays} * interval '1 day'`,
    })
    .execute()
}

/** The latest call of that id, since clients may use one twice. */
export async function findStoredCall(
  db: Kysely<Database>,
  accountId: string,
  requestId: string,
): Promise<StoredCall | undefined> {
  return db
    .selectFrom('stored_calls')
    .where('account_id', '=', accountId)
    .where('request_id', '=', requestId)
    .where('expires_at', '>', sql<Date>`now()`)
    .orderBy('id', 'desc')
    .limit(1)
    .select([
      'request_id as requestId',
      'model',
      'inputs',
      'activation',
      'results',
      'cost_micros as costMicros',
      'latency_ms as latencyMs',
      'expires_at as expiresAt',
    ])
    .executeTakeFirst()
}

/**
 * Deletes what has expired, of calls and of replays.
 *
 * @param limit how many of each at a time, so that nothing is locked for long
 * @returns whether there may be more
 */
export async function deleteExpired(db: Kysely<Database>, limit: number): Promise<boolean> {
  const calls = await sql`delete from stored_calls where id in
    (select id from stored_calls where expires_at < now() order by expires_at limit ${limit})`.execute(db)
  const replays = await sql`delete from replays where id in
    (select id from replays where expires_at < now() order by expires_at limit ${limit})`.execute(db)
  return [calls, replays].some(({ numAffectedRows = 0n }) => numAffectedRows >= BigInt(limit))
}

/** Deletes what an account has beyond so many calls, the oldest first. */
export async function deleteSurplus(db: Kysely<Database>, perAccount: number): Promise<void> {
  const crowded = await db
    .selectFrom('stored_calls')
    .select('account_id')
    .groupBy('account_id')
    .having(({ fn }) => fn.countAll(), '>', perAccount)
    .execute()
  for (const { account_id } of crowded) {
    await sql`delete from stored_calls where account_id = ${account_id} and id <=
      (select id from stored_calls where account_id = ${account_id} order by id desc offset ${perAccount} limit 1)`.execute(
      db,
    )
  }
}

/** Deletes all calls that are kept. */
export async function deleteStoredCalls(db: Kysely<Database>): Promise<void> {
  await db.deleteFrom('stored_calls').execute()
}

/** PostgreSQL's jsonb takes neither the character 0 nor half a surrogate pair; a replay reads the replacement character. */
function storable(value: unknown): string {
  return JSON.stringify(value, (_, each) =>
    typeof each === 'string' ? each.toWellFormed().replaceAll('\u0000', '\ufffd') : each,
  )
}
