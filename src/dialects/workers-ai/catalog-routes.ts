import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Admission } from '../../gateway/admission.ts'
import { listAuthors, listModels, listTasks } from './model-list.ts'
import {
  AuthorSearchAnswer,
  ErrorBody,
  LabelScores,
  ModelSchemaAnswer,
  ModelSchemaQuery,
  ModelSearch,
  ModelSearchAnswer,
  RunBody,
  TaskSearchAnswer,
} from './schemas.ts'

const TAGS = ['Workers AI']

const ERRORS = { '4xx': ErrorBody, '5xx': ErrorBody }

/** What Cloudflare tells of its catalog. */
export function catalogRoutes(admission: Admission): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/client/v4/accounts/:account/ai/models/search',
      {
        schema: {
          summary: 'Workers AI: find models',
          tags: TAGS,
          querystring: ModelSearch,
          response: { 200: ModelSearchAnswer, ...ERRORS },
        },
      },
      async (request) => listModels(admission.models(), request.query),
    )

    app.get(
      '/client/v4/accounts/:account/ai/models/schema',
      {
        schema: {
          summary: 'Workers AI: what a model takes and answers',
          tags: TAGS,
          querystring: ModelSchemaQuery,
          response: { 200: ModelSchemaAnswer, ...ERRORS },
        },
      },
      async (request) => {
        admission.model(request.query.model)
        return { result: { input: RunBody, output: LabelScores }, success: true as const, errors: [], messages: [] }
      },
    )

    app.get(
      '/client/v4/accounts/:account/ai/tasks/search',
      { schema: { summary: 'Workers AI: list the tasks', tags: TAGS, response: { 200: TaskSearchAnswer, ...ERRORS } } },
      async () => listTasks(),
    )

    app.get(
      '/client/v4/accounts/:account/ai/authors/search',
      {
        schema: {
          summary: 'Workers AI: list who made the models',
          tags: TAGS,
          response: { 200: AuthorSearchAnswer, ...ERRORS },
        },
      },
      async () => listAuthors(admission.models()),
    )
  }
}
