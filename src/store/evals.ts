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

/** @param leaseMs how long it counts as running unless the lease is renewed */
export async function insertEval(
  db: Kysely<Database>,
  row: Pick<EvalRow, 'id' | 'name' | 'candidateModels' | 'datasetSize' | 'metric'> & { accountId: string },
  leaseMs: number,
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
      lease_until: inMs(leaseMs),
    })
    .execute()
}

/** @returns whether it is still running */
export async function renewEval(db: Kysely<Database>, id: string, leaseMs: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('evals')
    .set({ lease_until: inMs(leaseMs) })
    .where('id', '=', id)
    .where('status', '=', 'running')
    .where('lease_until', '>', sql<Date>`now()`)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Says how an eval ended; it has ended once, so a second word changes nothing. */
export async function finishEval(
  db: Kysely<Database>,
  id: string,
  end: { status: 'completed' | 'failed'; winnerModel: string | null; summary: unknown; error: string | null },
): Promise<void> {
  await db
    .updateTable('evals')
    .set({
      status: end.status,
      winner_model: end.winnerModel,
      summary: end.summary === null ? null : JSON.stringify(end.summary),
      error: end.error,
    })
    .where('id', '=', id)
    .where('status', '=', 'running')
    .execute()
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
      'created_at as createdAt',
    ])
    .select([statusNow().as('status'), errorNow().as('error')])
}

/** The process that ran it has died where nobody has renewed the lease. */
function statusNow() {
  return sql<ComparisonStatus>`case when status = 'running' and lease_until < now() then 'failed' else status end`
}

function errorNow() {
  return sql<
    string | null
  >`case when status = 'running' and lease_until < now() then 'The server was stopped while it ran.' else error end`
}

function inMs(ms: number) {
  return sql<Date>`now() + ${ms} * interval '1 millisecond'`
}
