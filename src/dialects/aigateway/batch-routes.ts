import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { BatchRow } from '../../jobs/batches/batches.ts'
import type { Jobs } from '../../jobs/jobs.ts'
import { tagOf } from '../dialect.ts'
import { BatchBody, BatchList, BatchObject, BatchParams, BatchQuery } from './batch-schemas.ts'
import { listAnswer, pageOf, unixSeconds } from './lists.ts'
import { ErrorBody } from './schemas.ts'

const ERRORS = { '4xx': ErrorBody, '5xx': ErrorBody }

const PAGE = { most: 100, usual: 20 }

const tags = ['Batches']

/** Batches, as OpenAI's clients make and follow them. */
export function batchRoutes(jobs: Promise<Jobs>): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/batches',
      {
        schema: {
          summary: 'Run the lines of a file as requests',
          description:
            'Each line is `{"custom_id", "method": "POST", "url", "body"}`; at most 50,000. They run when no other ' +
            'requests wait, within 24 hours, and count against no limit of requests per minute.',
          tags,
          body: BatchBody,
          response: { 201: BatchObject, ...ERRORS },
        },
      },
      async (request, reply) => {
        const { batches, webhooks } = await jobs
        const { input_file_id, endpoint = '/v1/chat/completions', metadata = null, webhook_url } = request.body
        if (webhook_url != null) webhooks.checkUrl(webhook_url, 'webhook_url')
        const batch = await batches.create(request.caller, {
          inputFileId: input_file_id,
          endpoint,
          metadata,
          tag: tagOf(request),
          webhookUrl: webhook_url ?? undefined,
        })
        return reply.code(201).send(batchObject(batch))
      },
    )

    app.get(
      '/v1/batches',
      {
        schema: { summary: 'List the batches', tags, querystring: BatchQuery, response: { 200: BatchList, ...ERRORS } },
      },
      async ({ query, caller }) => {
        const { batches } = await jobs
        const { rows, hasMore } = await batches.list(caller.accountId, pageOf(query, PAGE))
        return listAnswer(rows.map(batchObject), hasMore)
      },
    )

    app.get(
      '/v1/batches/:id',
      {
        schema: {
          summary: 'Say how far a batch is',
          tags,
          params: BatchParams,
          response: { 200: BatchObject, ...ERRORS },
        },
      },
      async ({ params, caller }) => {
        const { batches } = await jobs
        return batchObject(await batches.get(caller.accountId, params.id))
      },
    )

    app.post(
      '/v1/batches/:id/cancel',
      {
        schema: {
          summary: 'Cancel a batch',
          description: 'Lines that were run stay in its output file; the others are not run, and cost nothing.',
          tags,
          params: BatchParams,
          response: { 200: BatchObject, ...ERRORS },
        },
      },
      async ({ params, caller }) => {
        const { batches } = await jobs
        return batchObject(await batches.cancel(caller.accountId, params.id))
      },
    )
  }
}

function batchObject(batch: BatchRow) {
  const time = (at: Date | null) => at && unixSeconds(at)
  const { id, endpoint, errors, status, metadata, total, completed, failed } = batch
  return {
    id,
    object: 'batch' as const,
    endpoint,
    errors: errors && { object: 'list' as const, data: errors },
    input_file_id: batch.input_file_id,
    completion_window: batch.completion_window,
    status,
    output_file_id: batch.output_file_id,
    error_file_id: batch.error_file_id,
    created_at: unixSeconds(batch.created_at),
    in_progress_at: time(batch.in_progress_at),
    expires_at: time(batch.expires_at),
    finalizing_at: time(batch.finalizing_at),
    completed_at: time(batch.completed_at),
    failed_at: time(batch.failed_at),
    expired_at: time(batch.expired_at),
    cancelling_at: time(batch.cancelling_at),
    cancelled_at: time(batch.cancelled_at),
    request_counts: { total, completed, failed },
    usage: {
      input_tokens: batch.input_tokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: batch.output_tokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: batch.input_tokens + batch.output_tokens,
    },
    metadata,
  }
}
