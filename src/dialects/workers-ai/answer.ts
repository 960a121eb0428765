import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { ValenceError } from '../../errors.ts'
import { type Admission, type LabelScore, tokensOf } from '../../gateway/admission.ts'
import type { Jobs } from '../../jobs/jobs.ts'
import { callOf, describeAnswer, tagOf } from '../dialect.ts'
import type { Allocation } from './allocation.ts'
import { queuedTexts, queueTexts } from './batch.ts'
import type { JsonPieces } from './json-pieces.ts'
import { neuronsOf } from './neurons.ts'
import type { AnyRunBody } from './schemas.ts'

/** What a client asks of a model, by whichever way in. */
export type Run = {
  model: string
  body: Static<typeof AnyRunBody>
  /** whether the texts are to be queued */
  isQueued: boolean
}

/** A text's scores in the model's order of labels, or how far queued texts are. */
export type RunResult = { scores: LabelScore[] } | { queue: JsonPieces }

/** Runs a model, and says in Cloudflare's header what it counts. */
export type RunModel = (run: Run, request: FastifyRequest, reply: FastifyReply) => Promise<RunResult>

export function createRunModel(admission: Admission, allocation: Allocation, jobs: Promise<Jobs>): RunModel {
  return async ({ model, body, isQueued }, request, reply) => {
    const { caller } = request
    if (request.isLongBody && !isQueued) throw tooLong()
    if (model === '') throw new ValenceError('route_not_found', 'The address names no model.')
    if ('request_id' in body) {
      const asked = { accountId: caller.accountId, requestId: body.request_id }
      return { queue: await queuedTexts(await jobs, asked) }
    }
    await allocation(caller, admission.gateway.usage)
    if (isQueued) {
      if (!('requests' in body)) throw missing('requests')
      const queue = { caller, model, tag: tagOf(request), requests: body.requests }
      return { queue: await queueTexts(await jobs, queue) }
    }
    if (!('text' in body)) throw missing('text')
    const answer = await admission.classify({ ...callOf(request, reply), model, inputs: [{ text: body.text }] })
    describeAnswer(reply, answer)
    reply.header('cf-ai-neurons', neuronsOf(tokensOf(answer.results)).toFixed(6))
    return { scores: answer.results[0]!.scores }
  }
}

/** Cloudflare takes 10 MB of a batch, and of batches alone. */
const QUEUE_BODY_BYTES = 10 * 1024 * 1024

/** The `bodyLimit` of a route that queues as well. */
export function longestBody(maxBodyBytes: number): number {
  return Math.max(maxBodyBytes, QUEUE_BODY_BYTES)
}

export function tooLong(): ValenceError {
  return new ValenceError(
    'body_too_large',
    'The body is larger than this server takes. Queue many texts with queueRequest.',
  )
}

function missing(field: string): ValenceError {
  return new ValenceError('invalid_request', `${field} is required.`, { field, rule: 'required' })
}
