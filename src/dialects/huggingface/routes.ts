import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { ValenceError } from '../../errors.ts'
import type { Activation, Admission, Answer, TextInput } from '../../gateway/admission.ts'
import { callOf, describeAnswer, ranked } from '../dialect.ts'
import { ClassifyBody, ErrorBody, ModelParams, Rankings } from './schemas.ts'

type Body = Static<typeof ClassifyBody>

/** What the hosted API answers where `top_k` is not given. */
const DEFAULT_TOP_K = 5

/** The router's long form names the task after the model. */
const TASK_SUFFIX = /\/pipeline\/text-classification$/

const ACTIVATIONS: readonly Activation[] = ['sigmoid', 'softmax', 'none']

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
            response: { 200: Rankings, '4xx': ErrorBody, '5xx': ErrorBody },
          },
        },
        async (request, reply) => {
          const { inputs, parameters, options } = request.body
          const texts = asTexts(inputs)
          const answer = await admission.classify({
            ...callOf(request, reply),
            ...(refusesCache(request, options) && { cache: 'skip' as const }),
            model: request.params['*'].replace(TASK_SUFFIX, ''),
            inputs: texts,
            activation: activationOf(parameters?.function_to_apply),
          })
          describeAnswer(reply, answer)
          describeCompute(reply, answer, texts)
          return rankings(answer, parameters?.top_k)
        },
      )
    }
  }
}

/** The hosted API reads the header, and older clients' option. */
function refusesCache({ headers }: FastifyRequest, options: Body['options']): boolean {
  return options?.use_cache === false || ['false', '0'].includes(String(headers['x-use-cache']).toLowerCase())
}

function asTexts(inputs: Body['inputs']): TextInput[] {
  const list = Array.isArray(inputs) ? inputs : [inputs]
  return list.map((input) =>
    typeof input === 'string' ? { text: input } : { text: input.text, pair: input.text_pair ?? undefined },
  )
}

/** The pipeline takes the name in any case. */
function activationOf(name: string | null | undefined): Activation | undefined {
  if (name === null || name === undefined) return undefined
  const found = ACTIVATIONS.find((activation) => activation === name.toLowerCase())
  if (found) return found
  throw new ValenceError('invalid_request', `parameters.function_to_apply must be one of ${ACTIVATIONS.join(', ')}.`, {
    field: 'parameters.function_to_apply',
  })
}

function rankings({ results }: Answer, topK: number | null | undefined) {
  const count = topK === undefined ? DEFAULT_TOP_K : (topK ?? Number.POSITIVE_INFINITY)
  return results.map((result) => ranked(result).slice(0, count))
}

/** The headers by which the hosted API says what an answer took. */
function describeCompute(reply: FastifyReply, { results, isCached }: Answer, texts: TextInput[]): void {
  const inferenceMs = results.reduce((sum, { timings }) => sum + timings.inferenceMs, 0)
  const characters = texts.reduce((sum, { text, pair = '' }) => sum + text.length + pair.length, 0)
  reply.headers({
    'x-compute-type': isCached ? 'cache' : 'cpu',
    'x-compute-time': (inferenceMs / 1000).toFixed(4),
    'x-compute-characters': String(characters),
  })
}
