import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import type { Database } from './database.ts'
import type { Page } from './files.ts'
import { type BatchError, type BatchKind, UNFINISHED } from './job-tables.ts'

export type BatchRow = Selectable<Database['batches']>
export type { BatchError, BatchKind }

/** A process that dies keeps a batch from the others for this long; one that lives renews its lease in time. */
const LEASE_SECONDS = 20

export type NewBatch = {
  id: string
  kind: BatchKind
  accountId: string
  caller: unknown
  tag: string | undefined
  endpoint: string
  completionWindow: string
  metadata: Record<string, string> | null
  webhookUrl: string | undefined
  model: string | undefined
  inputFileId: string
  inputContentId: string
  expiresAt: Date
  /** how many lines there are, where they need no validation */
  total: number | undefined
}

export async function insertBatch(db: Kysely<Database>, batch: NewBatch): Promise<BatchRow> {
  const isValid = batch.total !== undefined
  return db
    .insertInto('batches')
    .values({
      id: batch.id,
      kind: batch.kind,
      account_id: batch.accountId,
      caller: JSON.stringify(batch.caller),
      tag: batch.tag ?? null,
      endpoint: batch.endpoint,
      completion_window: batch.completionWindow,
      metadata: batch.metadata && JSON.stringify(batch.metadata),
      webhook_url: batch.webhookUrl ?? null,
      model: batch.model ?? null,
      input_file_id: batch.inputFileId,
      input_content_id: batch.inputContentId,
      expires_at: batch.expiresAt,
      status: isValid ? 'in_progress' : 'validating',
      total: batch.total ?? 0,
      in_progress_at: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
}

export async function findBatch(
  db: Kysely<Database>,
  kind: BatchKind,
  accountId: string,
  id: string,
): Promise<BatchRow | undefined> {
  return db
    .selectFrom('batches')
    .selectAll()
    .where('id', '=', id)
    .where('kind', '=', kind)
    .where('account_id', '=', accountId)
    .executeTakeFirst()
}

/** @returns one entry more than the page has, where there are more */
export async function listBatches(
  db: Kysely<Database>,
  kind: BatchKind,
  accountId: string,
  { after, limit, order }: Page,
): Promise<BatchRow[]> {
  let query = db.selectFrom('batches').selectAll().where('account_id', '=', accountId).where('kind', '=', kind)
  if (after !== undefined) {
    const beyond = order === 'desc' ? sql.raw('<') : sql.raw('>')
    query = query.where(
      sql<boolean>`(created_at, id) ${beyond} (select created_at, id from batches where id = ${after} and account_id = ${accountId})`,
    )
  }
  return query
    .orderBy('created_at', order)
    .orderBy('id', order)
    .limit(limit + 1)
    .execute()
}

export async function countUnfinished(db: Kysely<Database>, accountId: string): Promise<number> {
  const { count } = await db
    .selectFrom('batches')
    .select(sql<string | number>`count(*)`.as('count'))
    .where('account_id', '=', accountId)
    .where('status', 'in', UNFINISHED)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Batches that are not over and that no living process has in hand, oldest first. */
export async function abandonedBatches(db: Kysely<Database>): Promise<string[]> {
  const rows = await db
    .selectFrom('batches')
    .select('id')
    .where('status', 'in', UNFINISHED)
    .where((where) => where.or([where('lease_until', 'is', null), where('lease_until', '<', sql<Date>`now()`)]))
    .orderBy('created_at')
    .execute()
  return rows.map((row) => row.id)
}

/** Ends every lease: for a store that only this process can have open, so that whoever held them is dead. */
export async function releaseAllLeases(db: Kysely<Database>): Promise<void> {
  await db
    .updateTable('batches')
    .set({ lease_owner: null, lease_until: null })
    .where('status', 'in', UNFINISHED)
    .where('lease_owner', 'is not', null)
    .execute()
}

/** Takes a batch for a while. undefined where it is over, gone, or in another's hands. */
export async function leaseBatch(db: Kysely<Database>, id: string, owner: string): Promise<BatchRow | undefined> {
  return db
    .updateTable('batches')
    .set({ lease_owner: owner, lease_until: leaseEnd() })
    .where('id', '=', id)
    .where('status', 'in', UNFINISHED)
    .where((where) =>
      where.or([
        where('lease_until', 'is', null),
        where('lease_until', '<', sql<Date>`now()`),
        where('lease_owner', '=', owner),
      ]),
    )
    .returningAll()
    .executeTakeFirst()
}

export async function renewLease(db: Kysely<Database>, id: string, owner: string): Promise<void> {
  await leased(db, id, owner).set({ lease_until: leaseEnd() }).execute()
}

export async function releaseLease(db: Kysely<Database>, id: string, owner: string): Promise<void> {
  await leased(db, id, owner).set({ lease_owner: null, lease_until: null }).execute()
}

/** `validating` → `in_progress`. undefined where the lease is lost or the batch was cancelled. */
export async function beginBatch(
  db: Kysely<Database>,
  id: string,
  owner: string,
  { total }: { total: number },
): Promise<BatchRow | undefined> {
  return leased(db, id, owner)
    .set({ status: 'in_progress', total, in_progress_at: sql<Date>`now()` })
    .where('status', '=', 'validating')
    .returningAll()
    .executeTakeFirst()
}

/** `validating` → `failed`. undefined where the lease is lost or the batch was cancelled. */
export async function failBatch(
  db: Kysely<Database>,
  id: string,
  owner: string,
  errors: readonly BatchError[],
): Promise<BatchRow | undefined> {
  return leased(db, id, owner)
    .set({ status: 'failed', errors: JSON.stringify(errors), failed_at: sql<Date>`now()`, ...NO_LEASE })
    .where('status', '=', 'validating')
    .returningAll()
    .executeTakeFirst()
}

/** The results of the lines after `readLine`, and how far they bring the batch. */
export type Progress = {
  results: { line: number; isFailure: boolean; content: string }[]
  inputTokens: number
  outputTokens: number
  from: { readLine: number }
  to: { readLine: number; readByte: number }
}

/**
 * Keeps the results of some lines and moves on past them, both or neither.
 *
 * @returns the batch, whose status may say that no more lines are wanted; undefined where it is in another's hands, and
 *   nothing was kept
 */
export async function advanceBatch(
  db: Kysely<Database>,
  id: string,
  owner: string,
  { results, inputTokens, outputTokens, from, to }: Progress,
): Promise<BatchRow | undefined> {
  const failed = results.filter(({ isFailure }) => isFailure).length
  return db.transaction().execute(async (transaction) => {
    const batch = await leased(transaction, id, owner)
      .set({
        read_line: to.readLine,
        read_byte: to.readByte,
        completed: sql<number>`completed + ${results.length - failed}`,
        failed: sql<number>`failed + ${failed}`,
        input_tokens: sql<number>`input_tokens + ${inputTokens}`,
        output_tokens: sql<number>`output_tokens + ${outputTokens}`,
        in_progress_at: sql<Date>`coalesce(in_progress_at, now())`,
        lease_until: leaseEnd(),
      })
      .where('read_line', '=', from.readLine)
      .where('status', 'in', ['in_progress', 'cancelling'])
      .returningAll()
      .executeTakeFirst()
    if (!batch || results.length === 0) return batch
    const rows = results.map(({ line, isFailure, content }) => ({ batch_id: id, line, is_failure: isFailure, content }))
    await transaction.insertInto('batch_results').values(rows).execute()
    return batch
  })
}

/** `validating`, `in_progress` → `finalizing`. undefined where the lease is lost or the batch was cancelled. */
export async function beginFinalizing(db: Kysely<Database>, id: string, owner: string): Promise<BatchRow | undefined> {
  return leased(db, id, owner)
    .set({ status: 'finalizing', finalizing_at: sql<Date>`now()` })
    .where('status', 'in', ['validating', 'in_progress'])
    .returningAll()
    .executeTakeFirst()
}

/** A part of a batch's results, in the order of the lines. */
export async function resultsAfter(
  db: Kysely<Database>,
  id: string,
  { line, limit, isFailure }: { line: number; limit: number; isFailure?: boolean },
): Promise<{ line: number; content: string }[]> {
  let query = db
    .selectFrom('batch_results')
    .select(['line', 'content'])
    .where('batch_id', '=', id)
    .where('line', '>', line)
  if (isFailure !== undefined) query = query.where('is_failure', '=', isFailure)
  return query.orderBy('line').limit(limit).execute()
}

export type FinalStatus = 'completed' | 'expired' | 'cancelled'

/**
 * Ends a batch whose results have become files. To be called in a transaction with whatever else belongs to the end.
 *
 * @returns undefined where another process has ended it
 */
export async function finishBatch(
  transaction: Transaction<Database>,
  id: string,
  owner: string,
  {
    status,
    outputFileId,
    errorFileId,
  }: { status: FinalStatus; outputFileId: string | null; errorFileId: string | null },
): Promise<BatchRow | undefined> {
  const batch = await leased(transaction, id, owner)
    .set({
      status,
      output_file_id: outputFileId,
      error_file_id: errorFileId,
      [`${status}_at`]: sql<Date>`now()`,
      ...NO_LEASE,
    })
    .where('status', 'in', ['finalizing', 'cancelling'])
    .returningAll()
    .executeTakeFirst()
  if (batch) await transaction.deleteFrom('batch_results').where('batch_id', '=', id).execute()
  return batch
}

/** `validating`, `in_progress` → `cancelling`. undefined in every other status. */
export async function cancelBatch(
  db: Kysely<Database>,
  kind: BatchKind,
  accountId: string,
  id: string,
): Promise<BatchRow | undefined> {
  return db
    .updateTable('batches')
    .set({ status: 'cancelling', cancelling_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('kind', '=', kind)
    .where('account_id', '=', accountId)
    .where('status', 'in', ['validating', 'in_progress'])
    .returningAll()
    .executeTakeFirst()
}

const NO_LEASE = { lease_owner: null, lease_until: null }

/** Forgets batches and jobs that were over so long ago; the files that they made have times of their own. */
export async function deleteBatchesOlderThan(db: Kysely<Database>, days: number): Promise<void> {
  await db
    .deleteFrom('batches')
    .where('created_at', '<', sql<Date>`now() - make_interval(days => ${days})`)
    .where('status', 'not in', UNFINISHED)
    .execute()
}

function leaseEnd() {
  return sql<Date>`now() + make_interval(secs => ${LEASE_SECONDS})`
}

function leased(db: Kysely<Database>, id: string, owner: string) {
  return db.updateTable('batches').where('id', '=', id).where('lease_owner', '=', owner)
}
