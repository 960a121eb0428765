import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import type { Database } from './database.ts'
import type { Page } from './files.ts'
import type { DeliveryStatus } from './job-tables.ts'

export type WebhookEndpointRow = Selectable<Database['webhook_endpoints']>
export type DeliveryRow = Selectable<Database['webhook_deliveries']>
export type { DeliveryStatus }

/**
 * The secrets that sign an account's webhooks, the newest first; the account gets its first one here.
 *
 * @param fresh what its first secret is to be
 */
export async function secretsOf(db: Kysely<Database>, accountId: string, fresh: string): Promise<string[]> {
  await db
    .insertInto('webhook_secrets')
    .values({ account_id: accountId, secret: fresh, previous_secret: null, previous_until: null })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const row = await db
    .selectFrom('webhook_secrets')
    .select(['secret', 'previous_secret', sql<boolean>`coalesce(previous_until > now(), false)`.as('signs_twice')])
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow()
  return row.signs_twice ? [row.secret, row.previous_secret!] : [row.secret]
}

/**
 * Gives an account another secret; the one before it signs as well for some hours more.
 *
 * @returns when the older one ends
 */
export async function rotateSecret(
  db: Kysely<Database>,
  accountId: string,
  { secret, overlapHours }: { secret: string; overlapHours: number },
): Promise<Date> {
  const row = await db
    .insertInto('webhook_secrets')
    .values({ account_id: accountId, secret, previous_secret: null, previous_until: null })
    .onConflict((conflict) =>
      conflict.column('account_id').doUpdateSet({
        secret,
        previous_secret: sql<string>`webhook_secrets.secret`,
        previous_until: sql<Date>`now() + make_interval(hours => ${overlapHours})`,
      }),
    )
    .returning(sql<Date>`coalesce(previous_until, now())`.as('until'))
    .executeTakeFirstOrThrow()
  return row.until
}

export async function insertEndpoint(
  db: Kysely<Database>,
  endpoint: { id: string; accountId: string; url: string; events: readonly string[] | null },
): Promise<WebhookEndpointRow> {
  const { id, accountId, url, events } = endpoint
  return db
    .insertInto('webhook_endpoints')
    .values({ id, account_id: accountId, url, events: events && JSON.stringify(events), disabled_at: null })
    .returningAll()
    .executeTakeFirstOrThrow()
}

export async function findEndpoint(
  db: Kysely<Database>,
  accountId: string,
  id: string,
): Promise<WebhookEndpointRow | undefined> {
  return db
    .selectFrom('webhook_endpoints')
    .selectAll()
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .executeTakeFirst()
}

/** All endpoints of an account, the newest first; there are never more than the bound on them. */
export async function listEndpoints(db: Kysely<Database>, accountId: string): Promise<WebhookEndpointRow[]> {
  return db
    .selectFrom('webhook_endpoints')
    .selectAll()
    .where('account_id', '=', accountId)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute()
}

/** @returns whether there was one */
export async function deleteEndpoint(db: Kysely<Database>, accountId: string, id: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('webhook_endpoints')
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .executeTakeFirst()
  return numDeletedRows > 0n
}

export async function disableEndpoint(db: Kysely<Database>, id: string): Promise<void> {
  await db.updateTable('webhook_endpoints').set({ disabled_at: sql<Date>`now()` }).where('id', '=', id).execute()
}

export type TakenEvent = {
  id: string
  accountId: string
  type: string
  data: Record<string, unknown>
  createdAt: Date
}

/** Events that no webhook was told of yet, oldest first, kept from other processes until the transaction ends. */
export async function takeEvents(transaction: Transaction<Database>, limit: number): Promise<TakenEvent[]> {
  return transaction
    .selectFrom('events')
    .select(['id', 'account_id as accountId', 'type', 'data', 'created_at as createdAt'])
    .where('dispatched_at', 'is', null)
    .orderBy('created_at')
    .limit(limit)
    .forUpdate()
    .skipLocked()
    .execute()
}

export async function markDispatched(transaction: Transaction<Database>, ids: readonly string[]): Promise<void> {
  await transaction
    .updateTable('events')
    .set({ dispatched_at: sql<Date>`now()` })
    .where('id', 'in', [...ids])
    .execute()
}

export async function deleteEventsOlderThan(db: Kysely<Database>, days: number): Promise<void> {
  await db.deleteFrom('events').where('dispatched_at', '<', sql<Date>`now() - make_interval(days => ${days})`).execute()
}

/** The endpoints of some accounts that are not disabled. */
export async function endpointsOf(db: Kysely<Database>, accountIds: readonly string[]): Promise<WebhookEndpointRow[]> {
  return db
    .selectFrom('webhook_endpoints')
    .selectAll()
    .where('account_id', 'in', [...accountIds])
    .where('disabled_at', 'is', null)
    .execute()
}

export type NewDelivery = Pick<
  DeliveryRow,
  'id' | 'account_id' | 'endpoint_id' | 'url' | 'event_id' | 'event_type' | 'body'
>

export async function insertDeliveries(db: Kysely<Database>, deliveries: readonly NewDelivery[]): Promise<void> {
  if (deliveries.length === 0) return
  await db
    .insertInto('webhook_deliveries')
    .values(
      deliveries.map((delivery) => ({
        ...delivery,
        status: 'pending' as const,
        next_try_at: sql<Date>`now()`,
        last_try_at: null,
        last_status: null,
        last_failure: null,
      })),
    )
    .execute()
}

export async function findDelivery(
  db: Kysely<Database>,
  accountId: string,
  id: string,
): Promise<DeliveryRow | undefined> {
  return db
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .executeTakeFirst()
}

/** A delivery that is to be tried now, with whether its endpoint still wants it. */
export async function pendingDelivery(
  db: Kysely<Database>,
  id: string,
): Promise<(DeliveryRow & { is_disabled: boolean }) | undefined> {
  return db
    .selectFrom('webhook_deliveries')
    .leftJoin('webhook_endpoints', 'webhook_endpoints.id', 'webhook_deliveries.endpoint_id')
    .selectAll('webhook_deliveries')
    .select(sql<boolean>`webhook_endpoints.disabled_at is not null`.as('is_disabled'))
    .where('webhook_deliveries.id', '=', id)
    .where('webhook_deliveries.status', '=', 'pending')
    .executeTakeFirst()
}

/** @returns one entry more than the page has, where there are more */
export async function listDeliveries(
  db: Kysely<Database>,
  accountId: string,
  { after, limit, order, status }: Page & { status: DeliveryStatus | undefined },
): Promise<DeliveryRow[]> {
  let query = db.selectFrom('webhook_deliveries').selectAll().where('account_id', '=', accountId)
  if (status !== undefined) query = query.where('status', '=', status)
  if (after !== undefined) {
    const beyond = order === 'desc' ? sql.raw('<') : sql.raw('>')
    query = query.where(
      sql<boolean>`(created_at, id) ${beyond} (select created_at, id from webhook_deliveries where id = ${after} and account_id = ${accountId})`,
    )
  }
  return query
    .orderBy('created_at', order)
    .orderBy('id', order)
    .limit(limit + 1)
    .execute()
}

/** What came of a try, and when the next one is. */
export type Tried = {
  status: DeliveryStatus
  receiverStatus: number | undefined
  failure: string | undefined
  nextTryInMs: number | undefined
}

export async function recordTry(db: Kysely<Database>, id: string, tried: Tried): Promise<void> {
  const { status, receiverStatus, failure, nextTryInMs } = tried
  await db
    .updateTable('webhook_deliveries')
    .set({
      status,
      tries: sql<number>`tries + 1`,
      last_try_at: sql<Date>`now()`,
      last_status: receiverStatus ?? null,
      last_failure: failure ?? null,
      next_try_at: nextTryInMs === undefined ? null : sql<Date>`now() + make_interval(secs => ${nextTryInMs / 1000})`,
    })
    .where('id', '=', id)
    .where('status', '=', 'pending')
    .execute()
}

/** Pending deliveries whose time came long ago: what should have woken a worker for them is lost. */
export async function overdueDeliveries(db: Kysely<Database>, minutes: number): Promise<string[]> {
  const rows = await db
    .selectFrom('webhook_deliveries')
    .select('id')
    .where('status', '=', 'pending')
    .where('next_try_at', '<', sql<Date>`now() - make_interval(mins => ${minutes})`)
    .orderBy('next_try_at')
    .limit(1000)
    .execute()
  return rows.map((row) => row.id)
}

export async function deleteDeliveriesOlderThan(db: Kysely<Database>, days: number): Promise<void> {
  await db
    .deleteFrom('webhook_deliveries')
    .where('created_at', '<', sql<Date>`now() - make_interval(days => ${days})`)
    .where('status', '<>', 'pending')
    .execute()
}
