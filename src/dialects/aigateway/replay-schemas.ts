import { Type } from 'typebox'
import { Nullable } from './lists.ts'

export const ReplayBody = Type.Object(
  {
    source_request_id: Type.String({
      minLength: 1,
      description: 'The x-request-id of a call that was sent with x-aig-store: true',
    }),
    target_model: Type.String({ minLength: 1 }),
    shadow: Type.Optional(Nullable(Type.Boolean({ description: 'Answer at once; the target is asked meanwhile' }))),
  },
  { title: 'ReplayRequest' },
)

export const ReplayObject = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('replay'),
    source_request_id: Type.String(),
    source_model: Type.String(),
    target_model: Type.String(),
    shadow: Type.Boolean(),
    status: Type.Union([Type.Literal('running'), Type.Literal('completed'), Type.Literal('failed')]),
    cost_source_cents: Type.Number(),
    source_cost_cents: Type.Number(),
    // Numbers, since a client reads them as such; until the target has answered they are 0, and the status says so.
    cost_target_cents: Type.Number(),
    target_cost_cents: Type.Number(),
    latency_source_ms: Type.Integer(),
    source_latency_ms: Type.Integer(),
    latency_target_ms: Type.Integer(),
    target_latency_ms: Type.Integer(),
    score_delta: Nullable(
      Type.Number({
        description: 'How alike the scores are, as the CLI shows it: 1 is the same, 0 has nothing in common',
      }),
    ),
    diff: Nullable(Type.Unknown({ description: 'How many labels changed, and by text the change of every score' })),
    source_output: Nullable(Type.String()),
    target_output: Nullable(Type.String()),
    error: Nullable(Type.String()),
    created_at: Type.Integer(),
  },
  { title: 'Replay' },
)

export const ReplayList = Type.Object(
  { object: Type.Literal('list'), data: Type.Array(ReplayObject) },
  { title: 'ReplayList' },
)

export const ReplayParams = Type.Object({ id: Type.String() })
