import { Type } from 'typebox'
import { Nullable } from './lists.ts'

export const JobObject = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('job'),
    status: Type.Union(
      [Type.Literal('queued'), Type.Literal('processing'), Type.Literal('completed'), Type.Literal('failed')],
      { description: 'A job that was cancelled has failed; its error says why.' },
    ),
    model: Nullable(Type.String()),
    created_at: Type.Integer(),
    started_at: Nullable(Type.Integer()),
    completed_at: Nullable(Type.Integer()),
    expires_at: Type.Integer({ description: 'What has not run by then is not run any more' }),
    progress: Type.Number({ description: 'From 0 to 1' }),
    request_counts: Type.Object({ total: Type.Integer(), completed: Type.Integer(), failed: Type.Integer() }),
    result: Nullable(
      Type.Object({
        files: Type.Array(Type.Object({ name: Type.String(), url: Type.String() })),
      }),
    ),
    result_url: Nullable(Type.String({ description: 'Where the results are, a line of JSON a text' })),
    error: Nullable(Type.Object({ code: Type.String(), message: Type.String() })),
  },
  { title: 'Job' },
)

export const JobParams = Type.Object({ id: Type.String() })

export const ResultParams = Type.Object({ job: Type.String(), file: Type.String() })

export const SignedQuery = Type.Object({
  expires_in: Type.Optional(
    Type.String({ pattern: '^[0-9]{1,7}$', description: 'Seconds from 60 to 604800; an hour where it is left out' }),
  ),
})

export const SignedLink = Type.Object({ url: Type.String(), expires_at: Type.Integer() }, { title: 'SignedLink' })

export const PublicQuery = Type.Object({
  token: Type.String({ maxLength: 200 }),
  exp: Type.String({ pattern: '^[0-9]{1,12}$' }),
  k: Type.String({ maxLength: 100 }),
})
