import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Admission } from '../../gateway/admission.ts'
import { byScore } from '../dialect.ts'
import type { ClassifyText } from './answer.ts'
import { catalogRoutes } from './catalog-routes.ts'
import { ErrorBody, ItemsAnswer, RunAnswer, RunBody, RunParams } from './schemas.ts'
import { tokenRoutes } from './token-routes.ts'

export function workersAiRoutes(
  admission: Admission,
  { answersItems, classify }: { answersItems: boolean; classify: ClassifyText },
): FastifyPluginAsyncTypebox {
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
          response: { 200: answersItems ? ItemsAnswer : RunAnswer, '4xx': ErrorBody, '5xx': ErrorBody },
        },
      },
      async (request, reply) => {
        const call = { model: request.params['*'], text: request.body.text }
        const scores = await classify(call, request, reply)
        const outcome = { success: true as const, errors: [], messages: [] }
        return answersItems ? { result: { items: byScore(scores) }, ...outcome } : { result: scores, ...outcome }
      },
    )
    await app.register(catalogRoutes(admission))
    await app.register(tokenRoutes)
  }
}
