import { Type } from 'typebox'

/** Parts other than text are described loosely, so that an image gets a message about images and not about a schema. */
const ContentPart = Type.Object({ type: Type.String(), text: Type.Optional(Type.String()) })

const Message = Type.Object({
  role: Type.String({ description: 'The last message with the role "user" is the text; others are ignored.' }),
  content: Type.Optional(Type.Union([Type.String(), Type.Array(ContentPart), Type.Null()])),
})

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) =>
  Type.Optional(Type.Union([type, Type.Null()]))

const Text = Type.String({ minLength: 1 })

const ModelName = Type.String({ minLength: 1, description: 'A model, an alias of one, or "auto"' })

export const ChatBody = Type.Object(
  {
    model: Nullable(ModelName),
    messages: Type.Array(Message, { minItems: 1 }),
    stream: Nullable(Type.Boolean()),
    stream_options: Nullable(Type.Object({ include_usage: Nullable(Type.Boolean()) })),
    logprobs: Nullable(Type.Boolean({ description: 'Answer the labels as tokens, with ln(score)' })),
    top_logprobs: Nullable(Type.Integer({ minimum: 0, maximum: 20 })),
    response_format: Nullable(
      Type.Object({
        type: Type.String({ description: 'text, or json_object or json_schema for {"label", "score", "scores"}' }),
        json_schema: Type.Optional(
          Type.Object({
            schema: Type.Optional(
              Type.Object({
                required: Type.Optional(Type.Array(Type.String())),
                properties: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
                additionalProperties: Type.Optional(Type.Unknown()),
              }),
            ),
          }),
        ),
      }),
    ),
    n: Nullable(Type.Integer({ minimum: 1, maximum: 1, description: 'A classifier has one answer.' })),
    tools: Nullable(Type.Array(Type.Unknown())),
    functions: Nullable(Type.Array(Type.Unknown())),
    tool_choice: Type.Optional(Type.Unknown()),
    audio: Type.Optional(Type.Unknown()),
    modalities: Nullable(Type.Array(Type.String())),
    store: Nullable(Type.Boolean({ description: 'Keep the text for replays; the header x-aig-store says the same' })),
    'x-routing': Nullable(
      Type.Union(
        (['cost', 'speed', 'quality', 'auto'] as const).map((by) => Type.Literal(by)),
        { description: 'By what whoever answers for the model is chosen; the header x-routing says the same' },
      ),
    ),
    temperature: Nullable(Type.Number({ description: 'Accepted; changes nothing, like every sampling parameter' })),
    top_p: Nullable(Type.Number()),
    max_tokens: Nullable(Type.Integer()),
  },
  { title: 'ChatCompletionRequest' },
)

export const LabelScore = Type.Object({ label: Type.String(), score: Type.Number() })

const Usage = Type.Object({
  prompt_tokens: Type.Integer(),
  completion_tokens: Type.Integer(),
  total_tokens: Type.Integer(),
  cost: Type.Number({ description: 'What the call cost, in USD' }),
})

const TokenLogprob = { token: Type.String(), logprob: Type.Number(), bytes: Type.Array(Type.Integer()) }

const Logprobs = Type.Union([
  Type.Null(),
  Type.Object({
    content: Type.Array(Type.Object({ ...TokenLogprob, top_logprobs: Type.Array(Type.Object(TokenLogprob)) })),
    refusal: Type.Null(),
  }),
])

const Classification = Type.Array(LabelScore, { description: 'Every label with its score, best first' })

export const ChatCompletion = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('chat.completion'),
    created: Type.Integer(),
    model: Type.String(),
    system_fingerprint: Type.String({ description: 'The model whose weights answered' }),
    choices: Type.Array(
      Type.Object({
        index: Type.Integer(),
        message: Type.Object({ role: Type.Literal('assistant'), content: Type.String(), refusal: Type.Null() }),
        logprobs: Logprobs,
        finish_reason: Type.Literal('stop'),
      }),
    ),
    usage: Usage,
    classification: Classification,
  },
  { title: 'ChatCompletion' },
)

export const ChatCompletionChunk = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('chat.completion.chunk'),
    created: Type.Integer(),
    model: Type.String(),
    system_fingerprint: Type.String(),
    choices: Type.Array(
      Type.Object({
        index: Type.Integer(),
        delta: Type.Object({
          role: Type.Optional(Type.Literal('assistant')),
          content: Type.Optional(Type.String()),
        }),
        logprobs: Type.Optional(Logprobs),
        finish_reason: Type.Union([Type.Null(), Type.Literal('stop')]),
      }),
    ),
    usage: Type.Optional(Type.Union([Type.Null(), Usage])),
    classification: Classification,
  },
  { title: 'ChatCompletionChunk' },
)

export const ClassificationsBody = Type.Object(
  {
    model: Nullable(ModelName),
    input: Type.Union([Text, Type.Array(Text, { minItems: 1 })]),
    async: Nullable(Type.Boolean({ description: 'Answer a job instead of waiting for the scores' })),
    webhook_url: Nullable(Type.String({ description: 'Told when the job is over; implies async' })),
  },
  { title: 'ClassificationRequest' },
)

export const ClassificationsAnswer = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('list'),
    created: Type.Integer(),
    model: Type.String(),
    data: Type.Array(
      Type.Object({
        index: Type.Integer(),
        label: Type.String({ description: 'The best label' }),
        probs: Type.Array(Type.Number(), { description: "In the model's own order of labels" }),
        num_classes: Type.Integer(),
        scores: Classification,
      }),
    ),
    usage: Usage,
  },
  { title: 'ClassificationResponse' },
)

export const CacheCleared = Type.Object(
  { object: Type.Literal('cache'), status: Type.Literal('ok'), deleted: Type.Literal(true) },
  { title: 'CacheCleared' },
)

export const ErrorBody = Type.Object(
  {
    error: Type.Object({
      message: Type.String(),
      type: Type.String(),
      code: Type.Integer(),
      param: Type.Union([Type.String(), Type.Null()]),
    }),
  },
  { title: 'Error' },
)
