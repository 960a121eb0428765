import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { Admission } from '../../gateway/admission.ts'
import { byScore } from '../dialect.ts'
import { longestBody, type RunModel, type RunResult, tooLong } from './answer.ts'
import { catalogRoutes } from './catalog-routes.ts'
import { sendIdentity } from './identity.ts'
import { enveloped } from './json-pieces.ts'
import { AnyRunBody, ErrorBody, ItemsAnswer, RunAnswer, RunParams, RunQuery } from './schemas.ts'
import { tokenRoutes } from './token-routes.ts'

export function workersAiRoutes(
  admission: Admission,
  { answersItems, maxBodyBytes, run }: { answersItems: boolean; maxBodyBytes: number; run: RunModel },
): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.addHook('onRequest', sendIdentity)
    app.post(
      '/client/v4/accounts/:account/ai/run/*',
      {
        bodyLimit: longestBody(maxBodyBytes),
        config: { classifies: true },
        onRequest: (request, _, done) => {
          // Else it would be read before it is known to be too long; a body in chunks does not say.
          const isTooLong = !isQueued(request) && Number(request.headers['content-length'] ?? 0) > maxBodyBytes
          done(isTooLong ? tooLong() : undefined)
        },
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
        const asked = { model: request.params['*'], body: request.body, isQueued: isQueued(request) }
        const result = await run(asked, request, reply)
        return answer(reply, result, answersItems) as never
      },
    )
    await app.register(catalogRoutes(admission))
    await app.register(tokenRoutes)
  }
}

function isQueued({ query }: FastifyRequest): boolean {
  return (query as Static<typeof RunQuery>).queueRequest === 'true'
}

/** Cloudflare's envelope around a result. */
function answer(reply: FastifyReply, result: RunResult, answersItems: boolean) {
  if ('queue' in result) {
    return reply.type('application/json').send(Readable.from(enveloped(result.queue)))
  }
  const { scores } = result
  return { result: answersItems ? { items: byScore(scores) } : scores, success: true, errors: [], messages: [] }
}
