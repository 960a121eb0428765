import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Admission } from '../../gateway/admission.ts'
import { callOf, describeAnswer } from '../dialect.ts'
import { accountRoutes } from './account-routes.ts'
import { anthropicRoutes } from './anthropic-routes.ts'
import { batchRoutes } from './batch-routes.ts'
import { classifyChat } from './chat.ts'
import { classifications, classifyTexts } from './classifications.ts'
import { chatCompletion, chatCompletionChunks } from './completion.ts'
import { evalRoutes } from './eval-routes.ts'
import { fileRoutes } from './file-routes.ts'
import { jobRoutes, startJob, wantsJob } from './job-routes.ts'
import { JobObject } from './job-schemas.ts'
import { keyRoutes } from './key-routes.ts'
import { modelRoutes } from './model-routes.ts'
import { moderationRoutes } from './moderation-routes.ts'
import { moneyRoutes } from './money-routes.ts'
import type { AiGatewayParts } from './parts.ts'
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
import { webhookRoutes } from './webhook-routes.ts'

const ERRORS = { '4xx': ErrorBody, '5xx': ErrorBody }

export function aiGatewayRoutes(
  admission: Admission,
  { evals, replays, jobs }: AiGatewayParts,
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

    // vLLM answers the second address so.
    for (const url of ['/v1/classifications', '/classify']) {
      app.post(
        url,
        {
          config: { classifies: true },
          schema: {
            summary: 'Classify one text or many',
            description: 'With `async` or `webhook_url` it answers a job at once, for lists that take a while.',
            tags: ['OpenAI'],
            body: ClassificationsBody,
            response: { 200: ClassificationsAnswer, 202: JobObject, ...ERRORS },
          },
        },
        async (request, reply) => {
          if (wantsJob(request.body)) return reply.code(202).send(await startJob(await jobs, request, request.body))
          const answer = await classifyTexts(admission, request.body, callOf(request, reply))
          describeAnswer(reply, answer)
          return classifications(answer)
        },
      )
    }

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
        await admission.clearCache(request.caller)
        return { object: 'cache' as const, status: 'ok' as const, deleted: true as const }
      },
    )

    await app.register(anthropicRoutes(admission))
    await app.register(modelRoutes(admission))
    await app.register(keyRoutes(admission))
    await app.register(accountRoutes(admission))
    await app.register(subAccountRoutes(admission))
    await app.register(usageRoutes(admission))
    await app.register(moneyRoutes(admission))
    await app.register(moderationRoutes(admission))
    await app.register(evalRoutes(evals))
    await app.register(replayRoutes(replays))
    await app.register(fileRoutes(jobs))
    await app.register(batchRoutes(jobs))
    await app.register(jobRoutes(jobs))
    await app.register(webhookRoutes(jobs))
  }
}

/** Server-sent events, one a chunk, and the end mark that OpenAI's clients wait for. */
function eventStream(chunks: unknown[]): string {
  return [...chunks.map((chunk) => JSON.stringify(chunk)), '[DONE]'].map((data) => `data: ${data}\n\n`).join('')
}
