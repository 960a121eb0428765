import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import { centsOf } from '../../gateway/money.ts'
import type { ReplayRow, Replays } from '../../jobs/replays/replays.ts'
import { callOf } from '../dialect.ts'
import { ListQuery } from './eval-schemas.ts'
import { ReplayBody, ReplayList, ReplayObject, ReplayParams } from './replay-schemas.ts'
import { ErrorBody } from './schemas.ts'

const ERRORS = { '4xx': ErrorBody, '5xx': ErrorBody }

const tags = ['Replays']

const USUAL_LIMIT = 50

/** Calls of the past, asked of another model. */
export function replayRoutes(replays: Replays): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/replays',
      {
        schema: {
          summary: 'Ask another model what an earlier call asked',
          description: 'The call must have been sent with `x-aig-store: true` (or `"store": true`).',
          tags,
          body: ReplayBody,
          response: { 201: ReplayObject, ...ERRORS },
        },
      },
      async (request, reply) => {
        const { source_request_id: sourceRequestId, target_model: targetModel, shadow } = request.body
        const { caller, route, tag, signal } = callOf(request, reply)
        const wanted = { sourceRequestId, targetModel, shadow: shadow === true }
        return reply.code(201).send(replayObject(await replays.run({ caller, route, tag, signal }, wanted)))
      },
    )

    app.get(
      '/v1/replays',
      {
        schema: { summary: 'List the replays', tags, querystring: ListQuery, response: { 200: ReplayList, ...ERRORS } },
      },
      async ({ caller, query: { limit = USUAL_LIMIT } }) => ({
        object: 'list' as const,
        data: (await replays.list(caller.accountId, Number(limit))).map(replayObject),
      }),
    )

    app.get(
      '/v1/replays/:id',
      {
        schema: {
          summary: 'Say how a replay is',
          tags,
          params: ReplayParams,
          response: { 200: ReplayObject, ...ERRORS },
        },
      },
      async ({ caller, params }) => replayObject(await replays.get(caller.accountId, params.id)),
    )
  }
}

/** Under both spellings: the document's, and the one that the CLI reads. */
function replayObject(row: ReplayRow): Static<typeof ReplayObject> {
  const sourceCents = centsOf(row.costSourceMicros)
  const targetCents = centsOf(row.costTargetMicros ?? 0)
  const targetMs = row.latencyTargetMs ?? 0
  return {
    id: row.id,
    object: 'replay',
    source_request_id: row.sourceRequestId,
    source_model: row.sourceModel,
    target_model: row.targetModel,
    shadow: row.shadow,
    status: row.status,
    cost_source_cents: sourceCents,
    source_cost_cents: sourceCents,
    cost_target_cents: targetCents,
    target_cost_cents: targetCents,
    latency_source_ms: row.latencySourceMs,
    source_latency_ms: row.latencySourceMs,
    latency_target_ms: targetMs,
    target_latency_ms: targetMs,
    score_delta: row.similarity,
    diff: row.diff,
    source_output: row.sourceOutput,
    target_output: row.targetOutput,
    error: row.error,
    created_at: Math.floor(row.createdAt.getTime() / 1000),
  }
}
