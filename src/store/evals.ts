import { type Kysely, sql } from 'kysely'
import type { ComparisonStatus } from './comparison-tables.ts'
import type { Database } from './database.ts'

export type EvalRow = {
  id: string
  name: string
  candidateModels: string[]
  datasetSize: number
  metric: 'quality' | 'cost' | 'speed'
  status: ComparisonStatus
  winnerModel: string | null
  summary: unknown
  error: string | null
  createdAt: Date
}

/** Who runs an eval, and for how long it is theirs unless they renew it. */
export type EvalLease = { owner: string; leaseMs: number }

/** @param row.request what is needed to go on with it, as JSON */
export async function insertEval(
  db: Kysely<Database>,
  row: Pick<EvalRow, 'id' | 'name' | 'candidateModels' | 'datasetSize' | 'metric'> & {
    accountId: string
    request: string
  },
  { owner, leaseMs }: EvalLease,
): Promise<void> {
  await db
    .insertInto('evals')
    .values({
      id: row.id,
      account_id: row.accountId,
      name: row.name,
      candidate_models: JSON.stringify(row.candidateModels),
      dataset_size: row.datasetSize,
      metric: row.metric,
      status: 'running',
      request: row.request,
      lease_owner: owner,
      lease_until: inMs(leaseMs),
    })
    .execute()
}

/** @returns whether it is still the owner's */
export async function renewEval(db: Kysely<Database>, id: string, { owner, leaseMs }: EvalLease): Promise<boolean> {
  const { numUpdatedRows } = await owned(db, id, owner)
    .set({ lease_until: inMs(leaseMs) })
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Leaves an eval to whoever takes it next. */
export async function releaseEval(db: Kysely<Database>, id: string, owner: string): Promise<void> {
  await owned(db, id, owner).set({ lease_owner: null, lease_until: sql<Date>`now()` }).execute()
}

/** Ends every lease: for a store that only this process can have open, so that whoever held them is dead. */
export async function releaseAllEvals(db: Kysely<Database>): Promise<void> {
  await db
    .updateTable('evals')
    .set({ lease_owner: null, lease_until: sql<Date>`now()` })
    .where('status', '=', 'running')
    .execute()
}

/** An eval that was begun, and that nobody runs any more. */
export type TakenEval = { id: string; request: string | null; tries: number }

/** Takes the oldest of those that nobody runs. */
export async function takeEval(db: Kysely<Database>, { owner, leaseMs }: EvalLease): Promise<TakenEval | undefined> {
  return db
    .updateTable('evals')
    .set({ lease_owner: owner, lease_until: inMs(leaseMs), tries: sql<number>`tries + 1` })
    .where('id', '=', (query) =>
      query
        .selectFrom('evals')
        .select('id')
        .where('status', '=', 'running')
        .where('lease_until', '<=', sql<Date>`now()`)
        .orderBy('created_at')
        .limit(1)
        .forUpdate()
        .skipLocked(),
    )
    .returning(['id', 'request', 'tries'])
    .executeTakeFirst()
}

export type EvalAnswer = {
  text: number
  candidate: number
  label: string | undefined
  costMicros: number
  latencyMs: number
}

/**
 * Keeps what candidates have said, for whoever has to go on.
 *
 * @returns whether the eval is still the owner's; else nothing is kept
 */
export async function keepEvalAnswers(
  db: Kysely<Database>,
  id: string,
  owner: string,
  answers: readonly EvalAnswer[],
): Promise<boolean> {
  return db.transaction().execute(async (transaction) => {
    const mine = await transaction
      .selectFrom('evals')
      .select('id')
      .where('id', '=', id)
      .where('status', '=', 'running')
      .where('lease_owner', '=', owner)
      .forShare()
      .executeTakeFirst()
    if (!mine) return false
    await transaction
      .insertInto('eval_answers')
      .values(
        answers.map(({ text, candidate, label = null, costMicros, latencyMs }) => ({
          eval_id: id,
          text_index: text,
          candidate_index: candidate,
          label,
          cost_micros: costMicros,
          latency_ms: latencyMs,
        })),
      )
      .execute()
    return true
  })
}

export async function evalAnswers(db: Kysely<Database>, id: string): Promise<EvalAnswer[]> {
  const rows = await db.selectFrom('eval_answers').selectAll().where('eval_id', '=', id).execute()
  return rows.map((row) => ({
    text: row.text_index,
    candidate: row.candidate_index,
    label: row.label ?? undefined,
    costMicros: row.cost_micros,
    latencyMs: row.latency_ms,
  }))
}

/** Says how an eval ended, and forgets its dataset; nothing where it is not the owner's any more. */
export async function finishEval(
  db: Kysely<Database>,
  id: string,
  owner: string,
  end: { status: 'completed' | 'failed'; winnerModel: string | null; summary: unknown; error: string | null },
): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    const { numUpdatedRows } = await owned(transaction, id, owner)
      .set({
        status: end.status,
        winner_model: end.winnerModel,
        summary: end.summary === null ? null : JSON.stringify(end.summary),
        error: end.error,
        request: null,
        lease_owner: null,
      })
      .executeTakeFirst()
    if (numUpdatedRows > 0n) await transaction.deleteFrom('eval_answers').where('eval_id', '=', id).execute()
  })
}

export async function findEval(db: Kysely<Database>, accountId: string, id: string): Promise<EvalRow | undefined> {
  return selectEvals(db, accountId).where('id', '=', id).executeTakeFirst()
}

/** The newest first. */
export async function listEvals(db: Kysely<Database>, accountId: string, limit: number): Promise<EvalRow[]> {
  return selectEvals(db, accountId).orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute()
}

function selectEvals(db: Kysely<Database>, accountId: string) {
  return db
    .selectFrom('evals')
    .where('account_id', '=', accountId)
    .select([
      'id',
      'name',
      'candidate_models as candidateModels',
      'dataset_size as datasetSize',
      'metric',
      'winner_model as winnerModel',
      'summary',
      'status',
      'error',
      'created_at as createdAt',
    ])
}

function owned(db: Kysely<Database>, id: string, owner: string) {
  return db.updateTable('evals').where('id', '=', id).where('status', '=', 'running').where('lease_owner', '=', owner)
}

function inMs(ms: number) {
  return sql<Date>`now() + ${ms} * interval '1 millisecond'`
}
