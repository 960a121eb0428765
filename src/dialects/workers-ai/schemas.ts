import { type TSchema, Type } from 'typebox'

export const RunParams = Type.Object({
  account: Type.String({ description: 'Any account id: this server has one tenant.' }),
  '*': Type.String({ description: 'The model, its slashes raw or encoded.' }),
})

export const RunBody = Type.Object(
  { text: Type.String({ minLength: 1, description: 'The text that you want to classify' }) },
  { title: 'TextClassificationInput' },
)

const MAX_REFERENCE_LENGTH = 400

/** As many as a job may have. */
const MAX_QUEUED = 50_000

export const QueueBody = Type.Object(
  {
    requests: Type.Array(
      Type.Object({
        text: Type.String({ minLength: 1 }),
        external_reference: Type.Optional(
          Type.String({ maxLength: MAX_REFERENCE_LENGTH, description: 'comes back with the result' }),
        ),
      }),
      { minItems: 1, maxItems: MAX_QUEUED },
    ),
  },
  { title: 'TextClassificationQueue', description: 'With queueRequest=true: texts that may be classified later.' },
)

const PollBody = Type.Object(
  { request_id: Type.String({ minLength: 1, description: 'as the queue gave it' }) },
  { title: 'TextClassificationPoll' },
)

/** The first comes first: what misses in a body that is none of them is said of it. */
export const AnyRunBody = Type.Union([RunBody, QueueBody, PollBody])

export const RunQuery = Type.Object({
  queueRequest: Type.Optional(Type.String({ description: '"true" queues the texts of `requests`' })),
})

const LabelScore = Type.Object({
  label: Type.String({ description: "The classification label assigned to the text (e.g., 'POSITIVE' or 'NEGATIVE')" }),
  score: Type.Number({ description: 'Confidence score, from 0 to 1' }),
})

export const LabelScores = Type.Array(LabelScore, {
  description: "In the model's own order of labels, which is not by score",
})

export const RunAnswer = envelopeOf(LabelScores, 'TextClassificationOutput')

/** What the documentation of 2023 showed; no released client reads it. */
export const ItemsAnswer = envelopeOf(Type.Object({ items: LabelScores }), 'TextClassificationItems')

/** Cloudflare's envelope around a result. */
function envelopeOf<T extends TSchema>(result: T, title: string) {
  return Type.Object(
    {
      result,
      success: Type.Literal(true),
      errors: Type.Array(Type.Unknown()),
      messages: Type.Array(Type.Unknown()),
    },
    { title },
  )
}

export const ErrorBody = Type.Object(
  {
    result: Type.Object({}),
    success: Type.Literal(false),
    errors: Type.Array(Type.Object({ code: Type.Integer(), message: Type.String() })),
    messages: Type.Array(Type.Unknown()),
  },
  { title: 'WorkersAiError' },
)

export const BindingError = Type.Object(
  { internalCode: Type.Integer(), name: Type.String(), message: Type.String(), description: Type.String() },
  { title: 'WorkersAiBindingError' },
)

/** Numbers in an address are text; nothing is coerced here. */
const PositiveInteger = Type.String({ pattern: '^[1-9][0-9]{0,5}$' })

export const ModelSearch = Type.Object({
  search: Type.Optional(Type.String({ description: 'part of a name or description' })),
  task: Type.Optional(Type.String({ description: 'name of the task, such as Text Classification' })),
  author: Type.Optional(Type.String({ description: 'who made the model' })),
  source: Type.Optional(Type.String({ description: 'number of the source; 1 is Cloudflare' })),
  hide_experimental: Type.Optional(Type.String({ description: 'accepted; no model here is experimental' })),
  page: Type.Optional(PositiveInteger),
  per_page: Type.Optional(PositiveInteger),
})

const Task = Type.Object({ id: Type.String(), name: Type.String(), description: Type.String() }, { title: 'Task' })

const ListedModel = Type.Object(
  {
    id: Type.String(),
    source: Type.Integer(),
    name: Type.String(),
    description: Type.String(),
    task: Task,
    tags: Type.Array(Type.String()),
    properties: Type.Array(Type.Object({ property_id: Type.String(), value: Type.Unknown() })),
  },
  { title: 'WorkersAiModel' },
)

/** Cloudflare's envelope around a list. */
function pageOf<T extends TSchema>(item: T, title: string) {
  const count = Type.Integer({ minimum: 0 })
  return Type.Object(
    {
      result: Type.Array(item),
      success: Type.Literal(true),
      errors: Type.Array(Type.Unknown()),
      messages: Type.Array(Type.Unknown()),
      result_info: Type.Object({ count, page: count, per_page: count, total_count: count }),
    },
    { title },
  )
}

export const ModelSearchAnswer = pageOf(ListedModel, 'WorkersAiModels')

export const TaskSearchAnswer = pageOf(Task, 'WorkersAiTasks')

export const AuthorSearchAnswer = pageOf(Type.Object({ name: Type.String() }), 'WorkersAiAuthors')

export const ModelSchemaQuery = Type.Object({ model: Type.String({ minLength: 1 }) })

export const ModelSchemaAnswer = envelopeOf(
  Type.Object({ input: Type.Unknown(), output: Type.Unknown() }),
  'WorkersAiModelSchema',
)

export const TokenAnswer = Type.Object({
  result: Type.Object({ id: Type.String(), status: Type.Literal('active') }),
  success: Type.Literal(true),
  errors: Type.Array(Type.Unknown()),
  messages: Type.Array(Type.Object({ code: Type.Integer(), message: Type.String(), type: Type.Null() })),
})
