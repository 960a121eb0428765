import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Admission } from '../../gateway/admission.ts'
import type { Evals } from '../../jobs/evals/evals.ts'
import type { Replays } from '../../jobs/replays/replays.ts'
import { callOf, describeAnswer } from '../dialect.ts'
import { accountRoutes } from './account-routes.ts'
import { classifyChat } from './chat.ts'
import { classifications, classifyTexts } from './classifications.ts'
import { chatCompletion, chatCompletionChunks } from './completion.ts'
import { evalRoutes } from './eval-routes.ts'
import { keyRoutes } from './key-routes.ts'
import { modelRoutes } from './model-routes.ts'
import { moderationRoutes } from './moderation-routes.ts'
import { moneyRoutes } from './money-routes.ts'
import { replayRoutes } from './replay-routes.ts'
import {
  CacheCleared,
  ChatBody,
  ChatCompletion,
  ClassificationsAnswer,
  ClassificationsBody,
  ErrorBody,
} from './schemas.ts'
import { subAccountRoutes } from './sub-account-routes.ts'
import { usageRoutes } from './usage-routes.ts'

const ERRORS = { '4xx': ErrorBody, '5xx': ErrorBody }

export function aiGatewayRoutes(
  admission: Admission,
  { evals, replays }: { evals: Evals; replays: Replays },
): FastifyPluginAsyncTypebox {
  return async (app) => {
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
        const { answer, write } = await classifyChat(admission, body, callOf(request, reply))
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
        const answer = await classifyTexts(admission, request.body, callOf(request, reply))
        describeAnswer(reply, answer)
        return classifications(answer)
      },
    )

    app.delete(
      '/v1/cache',
      {
        schema: {
          summary: "Forget the results that are kept of the account's calls",
          tags: ['OpenAI'],
          response: { 200: CacheCleared, ...ERRORS },
        },
      },
      async (request) => {
        admission.clearCache(request.caller)
        return { object: 'cache' as const, status: 'ok' as const, deleted: true as const }
      },
    )

    await app.register(modelRoutes(admission))
    await app.register(keyRoutes(admission))
    await app.register(accountRoutes(admission))
    await app.register(subAccountRoutes(admission))
    await app.register(usageRoutes(admission))
    await app.register(moneyRoutes(admission))
    await app.register(moderationRoutes(admission))
    await app.register(evalRoutes(evals))
    await app.register(replayRoutes(replays))
  }
}

/** Server-sent events, one a chunk, and the end mark that OpenAI's clients wait for. */
function eventStream(chunks: unknown[]): string {
  return [...chunks.map((chunk) => JSON.stringify(chunk)), '[DONE]'].map((data) => `data: ${data}\n\n`).join('')
}
