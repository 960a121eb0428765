import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { DEFAULT_MODEL_ID } from '../../catalog/catalog.ts'
import type { Admission, ModelStatus } from '../../gateway/admission.ts'
import { callOf, describeAnswer, ranked } from '../dialect.ts'
import { chatCompletion, chatCompletionChunks, usageOf } from './completion.ts'
import { textToClassify } from './messages.ts'
import { contentWriter } from './response-format.ts'
import {
  ChatBody,
  ChatCompletion,
  ClassificationsAnswer,
  ClassificationsBody,
  ErrorBody,
  ModelList,
  ModelObject,
  ModelParams,
} from './schemas.ts'

const ERRORS = { '4xx': ErrorBody, '5xx': ErrorBody }

/** A router that picks a model has one to pick here. */
const AUTOMATIC = ['auto', 'auto/text']

export function aiGatewayRoutes(admission: Admission): FastifyPluginAsyncTypebox {
  return async (app) => {
    const startedAt = Math.floor(Date.now() / 1000)

    app.post(
      '/v1/chat/completions',
      {
        config: { classifies: true },
        schema: {
          summary: 'Classify the last user message',
          description:
            'Answers the top label as the message. System messages are ignored, as a classifier takes no instructions. ' +
            'With `stream`, answers `text/event-stream` of `chat.completion.chunk` objects, then `[DONE]`.',
          tags: ['OpenAI'],
          body: ChatBody,
          response: { 200: ChatCompletion, ...ERRORS },
        },
      },
      async (request, reply) => {
        const { body } = request
        const model = modelName(body.model)
        const text = textToClassify(body)
        const write = contentWriter(body.response_format, admission.model(model).model.labels)
        const answer = await admission.classify({ ...callOf(request, reply), model, inputs: [{ text }] })
        describeAnswer(reply, answer)
        if (body.stream !== true) return chatCompletion(body, answer, write)
        reply.header('content-type', 'text/event-stream; charset=utf-8').header('cache-control', 'no-cache')
        // The schema of the answer describes the object that is not streamed; a stream is text already.
        return reply.serializer(String).send(eventStream(chatCompletionChunks(body, answer, write)) as never)
      },
    )

    app.post(
      '/v1/classifications',
      {
        config: { classifies: true },
        schema: {
          summary: 'Classify one text or many',
          tags: ['OpenAI'],
          body: ClassificationsBody,
          response: { 200: ClassificationsAnswer, ...ERRORS },
        },
      },
      async (request, reply) => {
        const { model, input } = request.body
        const texts = typeof input === 'string' ? [input] : input
        const answer = await admission.classify({
          ...callOf(request, reply),
          model: modelName(model),
          inputs: texts.map((text) => ({ text })),
        })
        describeAnswer(reply, answer)
        return {
          id: `classify-${randomUUID()}`,
          object: 'list' as const,
          created: Math.floor(Date.now() / 1000),
          model: answer.model.id,
          data: answer.results.map((result, index) => {
            const scores = ranked(result)
            const probs = result.scores.map(({ score }) => score)
            return { index, label: scores[0]!.label, probs, num_classes: probs.length, scores }
          }),
          usage: usageOf(answer.results, 0),
        }
      },
    )

    app.get(
      '/v1/models',
      { schema: { summary: 'List the models', tags: ['OpenAI'], response: { 200: ModelList, ...ERRORS } } },
      async () => ({
        object: 'list' as const,
        data: admission.models().map((status) => modelObject(status, startedAt)),
      }),
    )

    app.get(
      '/v1/models/*',
      {
        schema: {
          summary: 'Describe a model, by its id or an alias',
          tags: ['OpenAI'],
          params: ModelParams,
          response: { 200: ModelObject, ...ERRORS },
        },
      },
      async (request) => modelObject(admission.model(request.params['*']), startedAt),
    )
  }
}

function modelName(name: string | null | undefined): string {
  return name === undefined || name === null || AUTOMATIC.includes(name) ? DEFAULT_MODEL_ID : name
}

function modelObject({ model, state, servedBy, reason }: ModelStatus, startedAt: number) {
  return {
    id: model.id,
    object: 'model' as const,
    created: startedAt,
    owned_by: model.provider,
    description: model.description,
    aliases: [...model.aliases],
    modality: 'text' as const,
    task: 'text-classification' as const,
    labels: [...model.labels],
    status: state,
    served_by: servedBy ?? null,
    reason: reason ?? null,
  }
}

/** Server-sent events, one a chunk, and the end mark that OpenAI's clients wait for. */
function eventStream(chunks: unknown[]): string {
  return [...chunks.map((chunk) => JSON.stringify(chunk)), '[DONE]'].map((data) => `data: ${data}\n\n`).join('')
}
