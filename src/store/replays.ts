import { type Kysely, sql } from 'kysely'
import type { ComparisonStatus } from './comparison-tables.ts'
import type { Database } from './database.ts'

export type ReplayRow = {
  id: string
  sourceRequestId: string
  sourceModel: string
  targetModel: string
  shadow: boolean
  status: ComparisonStatus
  costSourceMicros: number
  costTargetMicros: number | null
  latencySourceMs: number
  latencyTargetMs: number | null
  similarity: number | null
  diff: unknown
  sourceOutput: string
  targetOutput: string | null
  error: string | null
  createdAt: Date
}

export type NewReplay = Pick<
  ReplayRow,
  | 'id'
  | 'sourceRequestId'
  | 'sourceModel'
  | 'targetModel'
  | 'shadow'
  | 'costSourceMicros'
  | 'latencySourceMs'
  | 'sourceOutput'
> & { accountId: string; expiresAt: Date }

export type ReplayEnd =
  | {
      status: 'completed'
      costTargetMicros: number
      latencyTargetMs: number
      similarity: number
      diff: unknown
      targetOutput: string
    }
  | { status: 'failed'; error: string }

/** @param leaseMs how long it counts as running */
export async function insertReplay(db: Kysely<Database>, replay: NewReplay, leaseMs: number): Promise<void> {
  await db
    .insertInto('replays')
    .values({
      id: replay.id,
      account_id: replay.accountId,
      source_request_id: replay.sourceRequestId,
      source_model: replay.sourceModel,
      target_model: replay.targetModel,
      shadow: replay.shadow,
      status: 'running',
      cost_source_micros: replay.costSourceMicros,
      latency_source_ms: replay.latencySourceMs,
      source_output: replay.sourceOutput,
      lease_until: sql<Date>`now() + ${leaseMs} * interval '1 millisecond'`,
      expires_at: replay.expiresAt,
    })
    .execute()
}

export async function finishReplay(db: Kysely<Database>, id: string, end: ReplayEnd): Promise<void> {
  await db
    .updateTable('replays')
    .set(
      end.status === 'failed'
        ? { status: 'failed', error: end.error }
        : {
            status: 'completed',
            cost_target_micros: end.costTargetMicros,
            latency_target_ms: end.latencyTargetMs,
            similarity: end.similarity,
            diff: JSON.stringify(end.diff),
            target_output: end.targetOutput,
          },
    )
    .where('id', '=', id)
    .where('status', '=', 'running')
    .execute()
}

export async function findReplay(db: Kysely<Database>, accountId: string, id: string): Promise<ReplayRow | undefined> {
  return selectReplays(db, accountId).where('id', '=', id).executeTakeFirst()
}

/** The newest first. */
export async function listReplays(db: Kysely<Database>, accountId: string, limit: number): Promise<ReplayRow[]> {
  return selectReplays(db, accountId).orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute()
}

function selectReplays(db: Kysely<Database>, accountId: string) {
  return db
    .selectFrom('replays')
    .where('account_id', '=', accountId)
    .select([
      'id',
      'source_request_id as sourceRequestId',
      'source_model as sourceModel',
      'target_model as targetModel',
      'shadow',
      'cost_source_micros as costSourceMicros',
      'cost_target_micros as costTargetMicros',
      'latency_source_ms as latencySourceMs',
      'latency_target_ms as latencyTargetMs',
      'similarity',
      'diff',
      'source_output as sourceOutput',
      'target_output as targetOutput',
      'error',
      'created_at as createdAt',
    ])
    .select(
      // The process that ran it has died where the lease has ended.
      sql<ComparisonStatus>`case when status = 'running' and lease_until < now() then 'failed' else status end`.as(
        'status',
      ),
    )
}
