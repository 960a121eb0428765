import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import type { Admission } from '../../gateway/admission.ts'
import { byScore } from '../dialect.ts'
import type { RunModel, RunResult } from './answer.ts'
import { catalogRoutes } from './catalog-routes.ts'
import { sendIdentity } from './identity.ts'
import { AnyRunBody, ErrorBody, ItemsAnswer, RunAnswer, RunParams, RunQuery } from './schemas.ts'
import { tokenRoutes } from './token-routes.ts'

export function workersAiRoutes(
  admission: Admission,
  { answersItems, run }: { answersItems: boolean; run: RunModel },
): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.addHook('onRequest', sendIdentity)
    app.post(
      '/client/v4/accounts/:account/ai/run/*',
      {
        config: { classifies: true },
        schema: {
          summary: 'Workers AI: run a model',
          description:
            'With `queueRequest=true` and `requests` the answer is a `request_id`; the same address with `request_id` in the ' +
            'body tells how far they are, and then what came of them.',
          tags: ['Workers AI'],
          params: RunParams,
          querystring: RunQuery,
          body: AnyRunBody,
          response: { 200: answersItems ? ItemsAnswer : RunAnswer, '4xx': ErrorBody, '5xx': ErrorBody },
        },
      },
      async (request, reply) => {
        const isQueued = request.query.queueRequest === 'true'
        const result = await run({ model: request.params['*'], body: request.body, isQueued }, request, reply)
        return answer(reply, result, answersItems) as never
      },
    )
    await app.register(catalogRoutes(admission))
    await app.register(tokenRoutes)
  }
}

/** Cloudflare's envelope around a result. */
function answer(reply: FastifyReply, result: RunResult, answersItems: boolean) {
  const outcome = { success: true, errors: [], messages: [] }
  if ('queue' in result) {
    // The schema of the answer is that of a text's, which is by far the most frequent.
    reply.type('application/json').serializer(JSON.stringify)
    return { result: result.queue, ...outcome }
  }
  const { scores } = result
  return { result: answersItems ? { items: byScore(scores) } : scores, ...outcome }
}
