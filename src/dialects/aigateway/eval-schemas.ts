import { Type } from 'typebox'
import { Nullable } from './lists.ts'

/** Texts times candidates are calls; as many as some minutes take. */
const MAX_TEXTS = 1000
const MAX_CANDIDATES = 10

const Metric = Type.Union([Type.Literal('quality'), Type.Literal('cost'), Type.Literal('speed')])

const Message = Type.Object({ role: Type.String(), content: Type.String() })

export const EvalBody = Type.Object(
  {
    name: Type.Optional(Nullable(Type.String({ minLength: 1, maxLength: 200 }))),
    candidate_models: Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: MAX_CANDIDATES }),
    dataset: Type.Array(
      Type.Object({
        input: Type.Union([Type.String({ minLength: 1 }), Type.Array(Message, { minItems: 1 })], {
          description: 'A text, or messages, of which the last is the text',
        }),
        expected: Type.Optional(
          Nullable(
            Type.Union([Type.String({ minLength: 1 }), Type.Object({ label: Type.String({ minLength: 1 }) })], {
              description: 'The right label, in any case. Without it, what most candidates say counts as right.',
            }),
          ),
        ),
      }),
      { minItems: 1, maxItems: MAX_TEXTS },
    ),
    metric: Type.Optional(Nullable(Metric)),
  },
  { title: 'EvalRequest' },
)

const CandidateSummary = Type.Object({
  model: Type.String(),
  answered: Type.Integer(),
  failed: Type.Integer(),
  accuracy: Nullable(Type.Number()),
  macro_f1: Nullable(Type.Number()),
  cost_cents: Type.Number({ description: 'Of all its calls' }),
  latency_p50_ms: Nullable(Type.Number()),
  latency_p95_ms: Nullable(Type.Number()),
})

export const EvalObject = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('eval'),
    name: Type.String(),
    alias: Type.String({ description: 'As a model, this is the winner' }),
    candidate_models: Type.Array(Type.String()),
    dataset_size: Type.Integer(),
    metric: Metric,
    status: Type.Union([Type.Literal('running'), Type.Literal('completed'), Type.Literal('failed')]),
    winner_model: Nullable(Type.String()),
    winning_model: Nullable(Type.String()),
    summary: Type.Object({
      basis: Type.Optional(
        Type.Union([Type.Literal('expected'), Type.Literal('majority'), Type.Literal('mixed')], {
          description:
            'What labels are measured by: what the dataset expects, what most candidates said, or some of both',
        }),
      ),
      models: Type.Array(CandidateSummary),
    }),
    error: Nullable(Type.String()),
    created_at: Type.Integer(),
  },
  { title: 'EvalRun' },
)

export const EvalList = Type.Object(
  { object: Type.Literal('list'), data: Type.Array(EvalObject) },
  { title: 'EvalRunList' },
)

export const EvalParams = Type.Object({ id: Type.String() })

export const ListQuery = Type.Object({
  limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]?|100)$', description: '1 to 100; 50 where not given' })),
})
