import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { ValenceError } from '../../errors.ts'
import type { BatchRow } from '../../jobs/batches/batches.ts'
import { JOB_RESULT_NAME } from '../../jobs/batches/finish.ts'
import { jobStatus } from '../../jobs/classification-jobs.ts'
import type { Jobs } from '../../jobs/jobs.ts'
import { tagOf } from '../dialect.ts'
import { sendContent } from './content.ts'
import { JobObject, JobParams, PublicQuery, ResultParams, SignedLink, SignedQuery } from './job-schemas.ts'
import { unixSeconds } from './lists.ts'
import { type ClassificationsBody, ErrorBody } from './schemas.ts'

const ERRORS = { '4xx': ErrorBody, '5xx': ErrorBody }

const LEAST_LINK_SECONDS = 60
const MOST_LINK_SECONDS = 604_800
const USUAL_LINK_SECONDS = 3600

const RESULTS_TYPE = 'application/x-ndjson'

const tags = ['Jobs']

/** Jobs: classifications that were asked for with `async`, and what they have made. */
export function jobRoutes(jobs: Promise<Jobs>): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/jobs/:id',
      { schema: { summary: 'Say how far a job is', tags, params: JobParams, response: { 200: JobObject, ...ERRORS } } },
      async ({ caller, params }) => jobObject(await (await jobs).classificationJobs.get(caller.accountId, params.id)),
    )

    for (const [method, url] of [
      ['DELETE', '/v1/jobs/:id'],
      ['POST', '/v1/jobs/:id/cancel'],
    ] as const) {
      app.route({
        method,
        url,
        schema: {
          summary: 'Cancel a job',
          description:
            'It ends as failed; texts that were classified stay in its results. One that is over stays as it is.',
          tags,
          params: JobParams,
          response: { 200: JobObject, ...ERRORS },
        },
        handler: async ({ caller, params }) =>
          jobObject(await (await jobs).classificationJobs.cancel(caller.accountId, params.id)),
      })
    }

    app.get(
      '/v1/files/jobs/:job/:file',
      { schema: { summary: "Read a job's results", tags, params: ResultParams, response: ERRORS } },
      async ({ caller, params }, reply) => {
        const { classificationJobs, files } = await jobs
        const file = await classificationJobs.result(caller.accountId, params.job, params.file)
        return sendContent(reply, file, files.read(file), RESULTS_TYPE) as never
      },
    )

    app.get(
      '/v1/files/jobs/:job/:file/signed',
      {
        schema: {
          summary: "Make a link to a job's results that needs no key",
          tags,
          params: ResultParams,
          querystring: SignedQuery,
          response: { 200: SignedLink, ...ERRORS },
        },
      },
      async (request) => {
        const { classificationJobs, signedLinks } = await jobs
        const { job: jobId, file: fileName } = request.params
        const { accountId } = request.caller
        await classificationJobs.result(accountId, jobId, fileName)
        const expiresAtSeconds = Math.floor(Date.now() / 1000) + linkSeconds(request.query.expires_in)
        const token = signedLinks.sign({ accountId, jobId, fileName, expiresAtSeconds })
        const url = new URL(`${originOf(request)}${resultPath(jobId, fileName)}/public`)
        url.search = new URLSearchParams({ token, exp: String(expiresAtSeconds), k: accountId }).toString()
        return { url: url.href, expires_at: expiresAtSeconds }
      },
    )

    app.get(
      '/v1/files/jobs/:job/:file/public',
      {
        config: { isPublic: true },
        schema: {
          summary: "Read a job's results by a signed link",
          tags,
          security: [],
          params: ResultParams,
          querystring: PublicQuery,
          response: ERRORS,
        },
      },
      async ({ params: { job: jobId, file: fileName }, query: { token, exp, k: accountId } }, reply) => {
        const { classificationJobs, files, signedLinks } = await jobs
        if (!signedLinks.isValid({ accountId, jobId, fileName, expiresAtSeconds: Number(exp) }, token)) {
          throw new ValenceError('invalid_request', 'The link is not one of ours, or its time is over.', {
            field: 'token',
          })
        }
        const file = await classificationJobs.result(accountId, jobId, fileName)
        return sendContent(reply, file, files.read(file), RESULTS_TYPE) as never
      },
    )
  }
}

type Body = Static<typeof ClassificationsBody>

/** Whether whoever asks for a classification does not wait for it. */
export function wantsJob({ async: isAsync, webhook_url: webhookUrl }: Body): boolean {
  return isAsync === true || typeof webhookUrl === 'string'
}

/** @throws ValenceError `invalid_request`, `model_not_found` */
export async function startJob({ classificationJobs, webhooks }: Jobs, request: FastifyRequest, body: Body) {
  const { model, input, webhook_url: webhookUrl } = body
  if (typeof webhookUrl === 'string') webhooks.checkUrl(webhookUrl, 'webhook_url')
  const job = await classificationJobs.create(request.caller, {
    model: model ?? undefined,
    texts: typeof input === 'string' ? [input] : input,
    tag: tagOf(request),
    webhookUrl: webhookUrl ?? undefined,
  })
  return jobObject(job)
}

/** How a job looks from outside. */
function jobObject(job: BatchRow) {
  const { id, model, total, completed, failed, output_file_id: outputFileId } = job
  const url = resultPath(id, JOB_RESULT_NAME)
  const over = job.completed_at ?? job.cancelled_at ?? job.expired_at ?? job.failed_at
  return {
    id,
    object: 'job' as const,
    status: jobStatus(job),
    model,
    created_at: unixSeconds(job.created_at),
    started_at: job.in_progress_at && unixSeconds(job.in_progress_at),
    completed_at: over && unixSeconds(over),
    expires_at: unixSeconds(job.expires_at),
    progress: over ? 1 : (completed + failed) / total,
    request_counts: { total, completed, failed },
    result: outputFileId === null ? null : { files: [{ name: JOB_RESULT_NAME, url }] },
    result_url: outputFileId === null ? null : url,
    error: errorOf(job),
  }
}

function errorOf(job: BatchRow): { code: string; message: string } | null {
  if (job.status === 'cancelled' || job.status === 'cancelling') {
    return { code: 'cancelled', message: 'The job was cancelled.' }
  }
  if (job.status === 'expired') return { code: 'expired', message: 'The job did not end within 24 hours.' }
  if (jobStatus(job) !== 'failed') return null
  return { code: 'no_results', message: 'None of the texts could be classified; the results say why.' }
}

function linkSeconds(asked: string | undefined): number {
  const seconds = asked === undefined ? USUAL_LINK_SECONDS : Number(asked)
  if (seconds >= LEAST_LINK_SECONDS && seconds <= MOST_LINK_SECONDS) return seconds
  throw new ValenceError('invalid_request', `expires_in must be from ${LEAST_LINK_SECONDS} to ${MOST_LINK_SECONDS}.`, {
    field: 'expires_in',
  })
}

function resultPath(jobId: string, fileName: string): string {
  return `/v1/files/jobs/${encodeURIComponent(jobId)}/${encodeURIComponent(fileName)}`
}

function originOf({ protocol, host }: FastifyRequest): string {
  return `${protocol}://${host}`
}
