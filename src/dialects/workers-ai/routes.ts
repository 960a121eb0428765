import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Admission } from '../../gateway/admission.ts'
import { callOf, describeAnswer } from '../dialect.ts'
import { ErrorBody, RunAnswer, RunBody, RunParams } from './schemas.ts'

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
        const answer = await admission.classify({
          ...callOf(request, reply),
          model: request.params['*'],
          inputs: [{ text: request.body.text }],
        })
        describeAnswer(reply, answer)
        return { result: answer.results[0]!.scores, success: true as const, errors: [], messages: [] }
      },
    )
  }
}
