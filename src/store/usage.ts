import { type Kysely, sql } from 'kysely'
import type { Database } from './database.ts'

/** One call, as it is metered. */
export type UsageRecord = {
  /** ours and unique, which a client's request id is not */
  id: string
  requestId: string
  accountId: string
  keyId: string | null
  /** the pattern of the address that it came by */
  route: string
  model: string
  servedBy: string
  tag: string | null
  /** `ok`, or the code of the error */
  status: string
  texts: number
  tokens: number
  costMicros: number
  latencyMs: number
  /** ISO 8601 */
  createdAt: string
}

/**
 * Meters calls, and adds them to the sums by day. A record that is there already changes nothing, so that a journal may be
 * read twice.
 *
 * @param records a JSON array of UsageRecord, as text: the journal has them as text already
 */
export async function insertUsage(db: Kysely<Database>, records: string): Promise<void> {
  await sql`
    with calls as (
      insert into usage_calls (id, request_id, account_id, key_id, route, model, served_by, tag, status, texts, tokens,
        cost_micros, latency_ms, created_at)
      select id, "requestId", "accountId", "keyId", route, model, "servedBy", tag, status, texts, tokens, "costMicros",
        "latencyMs", "createdAt"
      from json_to_recordset(${records}::json) as new(id text, "requestId" text, "accountId" text, "keyId" text,
        route text, model text, "servedBy" text, tag text, status text, texts integer, tokens integer,
        "costMicros" bigint, "latencyMs" real, "createdAt" timestamptz)
      on conflict (id) do nothing
      returning account_id, (created_at at time zone 'utc')::date as day, model, coalesce(tag, '') as tag, tokens,
        cost_micros
    )
    insert into usage_days (account_id, day, model, tag, requests, tokens, cost_micros)
    select account_id, day, model, tag, count(*), sum(tokens), sum(cost_micros) from calls
    group by account_id, day, model, tag
    -- In one order, so that two processes that add to the same days wait for one another and never in a circle.
    order by account_id, day, model, tag
    on conflict (account_id, day, model, tag) do update set requests = usage_days.requests + excluded.requests,
      tokens = usage_days.tokens + excluded.tokens, cost_micros = usage_days.cost_micros + excluded.cost_micros
  `.execute(db)
}

/** Days from `from` to before `until`, both `YYYY-MM-DD` in UTC. */
export type Days = { from: string; until: string }

export type UsageSum = { requests: number; tokens: number; costMicros: number }

/** The most rows of a report; tags are the clients' own, and there may be any number of them. */
const MAX_ROWS = 1000

/** What an account and its sub-accounts used, by tag, model or day; the dearest first, days in their order. */
export async function sumUsage(
  db: Kysely<Database>,
  { accountId, by, from, until }: Days & { accountId: string; by: 'tag' | 'model' | 'day' },
): Promise<(UsageSum & { label: string })[]> {
  const label = by === 'day' ? sql<string>`to_char(day, 'YYYY-MM-DD')` : sql<string>`${sql.ref(by)}`
  return sums(db, { from, until })
    .where((where) =>
      where.or([
        where('account_id', '=', accountId),
        where('account_id', 'in', where.selectFrom('accounts').select('id').where('parent_id', '=', accountId)),
      ]),
    )
    .select(label.as('label'))
    .groupBy(label)
    .$if(by === 'day', (query) => query.orderBy('label'))
    .$if(by !== 'day', (query) => query.orderBy('costMicros', 'desc').orderBy('requests', 'desc').orderBy('label'))
    .limit(MAX_ROWS)
    .execute()
}

/** What each sub-account of an account used, deleted ones included. */
export async function sumUsageBySubAccount(
  db: Kysely<Database>,
  { accountId, from, until }: Days & { accountId: string },
): Promise<(UsageSum & { id: string; name: string; externalRef: string | null })[]> {
  return sums(db, { from, until })
    .innerJoin('accounts', 'accounts.id', 'usage_days.account_id')
    .where('accounts.parent_id', '=', accountId)
    .select(['accounts.id', 'accounts.name', 'accounts.external_ref as externalRef'])
    .groupBy(['accounts.id', 'accounts.name', 'accounts.external_ref'])
    .orderBy('costMicros', 'desc')
    .orderBy('requests', 'desc')
    .limit(MAX_ROWS)
    .execute()
}

function sums(db: Kysely<Database>, { from, until }: Days) {
  const whole = (column: string) => sql<number>`sum(usage_days.${sql.ref(column)})::bigint`
  return db
    .selectFrom('usage_days')
    .where('day', '>=', sql<Date>`${from}::date`)
    .where('day', '<', sql<Date>`${until}::date`)
    .select([whole('requests').as('requests'), whole('tokens').as('tokens'), whole('cost_micros').as('costMicros')])
}

/** The latest calls of an account and its sub-accounts. */
export async function recentUsage(db: Kysely<Database>, { accountId, limit }: { accountId: string; limit: number }) {
  return db
    .selectFrom('usage_calls')
    .selectAll()
    .where((where) =>
      where.or([
        where('account_id', '=', accountId),
        where('account_id', 'in', where.selectFrom('accounts').select('id').where('parent_id', '=', accountId)),
      ]),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
}

/** Rows of calls that are deleted at a time, so that no statement takes long. */
const DELETED_AT_A_TIME = 10_000

/**
 * Deletes calls that are older than so many days; the sums by day stay.
 *
 * @returns whether there may be more
 */
export async function deleteOldUsage(db: Kysely<Database>, days: number): Promise<boolean> {
  const { numAffectedRows = 0n } = await sql`
    delete from usage_calls where id in (
      select id from usage_calls where created_at < now() - ${days}::integer * interval '1 day'
      limit ${DELETED_AT_A_TIME}::integer)`.execute(db)
  return Number(numAffectedRows) === DELETED_AT_A_TIME
}
