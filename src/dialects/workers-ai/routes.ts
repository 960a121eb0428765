import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Admission } from '../../gateway/admission.ts'
import { classifyText } from './answer.ts'
import { catalogRoutes } from './catalog-routes.ts'
import { ErrorBody, RunAnswer, RunBody, RunParams } from './schemas.ts'
import { tokenRoutes } from './token-routes.ts'

export function workersAiRoutes(admission: Admission): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/client/v4/accounts/:account/ai/run/*',
      {
        config: { classifies: true },
        schema: {
          summary: 'Workers AI: run a model',
          tags: ['Workers AI'],
          params: RunParams,
          body: RunBody,
          response: { 200: RunAnswer, '4xx': ErrorBody, '5xx': ErrorBody },
        },
      },
      async (request, reply) => {
        const call = { model: request.params['*'], text: request.body.text }
        const result = await classifyText(admission, call, request, reply)
        return { result, success: true as const, errors: [], messages: [] }
      },
    )
    await app.register(catalogRoutes(admission))
    await app.register(tokenRoutes)
  }
}
