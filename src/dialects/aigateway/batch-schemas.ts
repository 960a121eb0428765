import { Type } from 'typebox'
import { listOf, Nullable, PageQuery } from './lists.ts'

/** OpenAI's bounds on what a client may note beside an object: 16 pairs of 64 and 512 characters. */
const Metadata = Type.Record(Type.String({ minLength: 1, maxLength: 64 }), Type.String({ maxLength: 512 }), {
  maxProperties: 16,
})

export const BatchBody = Type.Object(
  {
    input_file_id: Type.String(),
    endpoint: Type.Optional(
      Type.String({ description: '/v1/chat/completions, which is the default, or /v1/classifications' }),
    ),
    completion_window: Type.Optional(Type.Literal('24h')),
    metadata: Type.Optional(Nullable(Metadata)),
    webhook_url: Type.Optional(
      Nullable(Type.String({ description: 'Told when the batch is over, beside the webhooks of the account' })),
    ),
  },
  { title: 'BatchRequest' },
)

const Time = Nullable(Type.Integer())

export const BatchObject = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('batch'),
    endpoint: Type.String(),
    errors: Nullable(
      Type.Object({
        object: Type.Literal('list'),
        data: Type.Array(
          Type.Object({
            code: Type.String(),
            message: Type.String(),
            param: Nullable(Type.String()),
            line: Nullable(Type.Integer()),
          }),
        ),
      }),
    ),
    input_file_id: Type.String(),
    completion_window: Type.String(),
    status: Type.String({
      description: 'validating, failed, in_progress, finalizing, completed, expired, cancelling or cancelled',
    }),
    output_file_id: Nullable(Type.String()),
    error_file_id: Nullable(Type.String()),
    created_at: Type.Integer(),
    in_progress_at: Time,
    expires_at: Time,
    finalizing_at: Time,
    completed_at: Time,
    failed_at: Time,
    expired_at: Time,
    cancelling_at: Time,
    cancelled_at: Time,
    request_counts: Type.Object({ total: Type.Integer(), completed: Type.Integer(), failed: Type.Integer() }),
    usage: Type.Object({
      input_tokens: Type.Integer(),
      input_tokens_details: Type.Object({ cached_tokens: Type.Integer() }),
      output_tokens: Type.Integer(),
      output_tokens_details: Type.Object({ reasoning_tokens: Type.Integer() }),
      total_tokens: Type.Integer(),
    }),
    metadata: Nullable(Type.Record(Type.String(), Type.String())),
  },
  { title: 'Batch' },
)

export const BatchList = listOf(BatchObject, 'BatchList')

export const BatchQuery = Type.Object(PageQuery)

export const BatchParams = Type.Object({ id: Type.String() })
