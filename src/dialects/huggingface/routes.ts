import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { DEFAULT_MODEL_ID } from '../../catalog/catalog.ts'
import type { Admission, Answer } from '../../gateway/admission.ts'
import { callOf, describeAnswer, ranked } from '../dialect.ts'
import { activationOf, textsOf, wishesOf } from './parameters.ts'
import { ClassifyBody, ErrorBody, ModelParams, Rankings, StatusAnswer } from './schemas.ts'
import { statusOf } from './status.ts'

type Body = Static<typeof ClassifyBody>

const ERRORS = { '4xx': ErrorBody, '5xx': ErrorBody }

/** What the hosted API answers where `top_k` is not given. */
const DEFAULT_TOP_K = 5

/** The router's long form names the task after the model. */
const TASK_SUFFIX = /\/pipeline\/text-classification$/

export function huggingFaceRoutes(admission: Admission): FastifyPluginAsyncTypebox {
  return async (app) => {
    for (const url of ['/models/*', '/hf-inference/models/*', '/pipeline/text-classification/*']) {
      app.post(
        url,
        {
          config: { classifies: true },
          schema: {
            summary: 'Hugging Face: classify text',
            tags: ['Hugging Face'],
            params: ModelParams,
            body: ClassifyBody,
            response: { 200: Rankings, ...ERRORS },
          },
        },
        (request, reply) =>
          classify(admission, request.params['*'].replace(TASK_SUFFIX, ''), request.body, request, reply),
      )
    }

    app.post(
      '/',
      {
        config: { classifies: true },
        schema: {
          summary: 'Hugging Face: classify text with the usual model, as an inference endpoint does',
          tags: ['Hugging Face'],
          body: ClassifyBody,
          response: { 200: Rankings, ...ERRORS },
        },
      },
      (request, reply) => classify(admission, DEFAULT_MODEL_ID, request.body, request, reply),
    )

    app.get(
      '/status/*',
      {
        schema: {
          summary: 'Hugging Face: say whether a model is loaded',
          tags: ['Hugging Face'],
          params: ModelParams,
          response: { 200: StatusAnswer, ...ERRORS },
        },
      },
      async ({ params }) => statusOf(admission.model(params['*'])),
    )
  }
}

/**
 * Answers a request of the Inference API.
 *
 * @throws ValenceError `invalid_request`, and what `admission.classify` throws
 */
async function classify(
  admission: Admission,
  model: string,
  body: Body,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Static<typeof Rankings>> {
  const inputs = textsOf(body)
  const answer = await admission.classify({
    ...callOf(request, reply),
    ...wishesOf(request.headers, body),
    model,
    inputs,
    activation: activationOf(body),
  })
  describeAnswer(reply, answer)
  const characters = inputs.reduce((sum, { text, pair = '' }) => sum + text.length + pair.length, 0)
  describeCompute(reply, answer, characters)
  const revision = await admission.revisionOf(answer.servedBy)
  if (revision !== undefined) reply.header('x-sha', revision)
  const count = labelsWanted(body)
  return answer.results.map((result) => ranked(result).slice(0, count))
}

function labelsWanted({ parameters }: Body): number {
  const { top_k: topK, return_all_scores: all } = parameters ?? {}
  if (typeof topK === 'number') return topK
  if (topK === null || all === true) return Number.POSITIVE_INFINITY
  return all === false ? 1 : DEFAULT_TOP_K
}

/** The headers by which the hosted API says what an answer took. */
function describeCompute(reply: FastifyReply, { results, isCached }: Answer, characters: number): void {
  const inferenceMs = results.reduce((sum, { timings }) => sum + timings.inferenceMs, 0)
  reply.headers({
    'x-compute-type': isCached ? 'cache' : 'cpu',
    'x-compute-time': (inferenceMs / 1000).toFixed(4),
    'x-compute-characters': String(characters),
  })
}
