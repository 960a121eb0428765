import { Type } from 'typebox'

const Strings = Type.Array(Type.String())

const InvocationSchema = Type.Object(
  {
    endpoint: Type.String(),
    method: Type.Literal('POST'),
    endpoints: Strings,
    request: Type.Unknown({ description: 'An example of a body' }),
    response: Type.Unknown({ description: 'The shape of its answer' }),
    streaming: Type.Unknown({ description: 'The body for a stream, and the events of its answer' }),
    quirks: Strings,
    sdk: Type.Object({ curl: Type.String(), python: Type.String(), node: Type.String() }),
  },
  { title: 'InvocationSchema' },
)

export const ModelObject = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('model'),
    created: Type.Integer(),
    owned_by: Type.String(),
    provider: Type.String(),
    description: Type.String(),
    aliases: Strings,
    modality: Type.Literal('text'),
    task: Type.Literal('text-classification'),
    capabilities: Type.Array(Type.String(), { description: 'As /v1/capabilities lists them' }),
    labels: Strings,
    context_window: Type.Union([Type.Integer(), Type.Null()], {
      description: 'The tokens that it reads of a text; null while that is not known',
    }),
    pricing: Type.Object(
      { currency: Type.Literal('usd'), per_request: Type.Number(), per_million_tokens: Type.Number() },
      { description: 'What the operator asks for it, in dollars; a list of texts is one request' },
    ),
    status: Type.Union([
      Type.Literal('ready'),
      Type.Literal('substituted'),
      Type.Literal('unavailable'),
      Type.Literal('remote'),
      Type.Literal('loadable'),
      Type.Literal('loading'),
      Type.Literal('too_big'),
    ]),
    served_by: Type.Union([Type.String(), Type.Null()], { description: 'The model whose weights answer' }),
    reason: Type.Union([Type.String(), Type.Null()], { description: "Why the model's own weights do not answer" }),
    schema: Type.Optional(InvocationSchema),
  },
  { title: 'Model' },
)

export const ModelList = Type.Object(
  { object: Type.Literal('list'), data: Type.Array(ModelObject) },
  { title: 'ModelList' },
)

export const ModelSchemaAnswer = Type.Object(
  { id: Type.String(), object: Type.Literal('model.schema'), schema: InvocationSchema },
  { title: 'ModelSchema' },
)

export const ModelParams = Type.Object({ '*': Type.String({ description: 'The model, its slash raw or encoded.' }) })

export const ModelNameParts = Type.Object({
  first: Type.String(),
  second: Type.Optional(Type.String()),
  third: Type.Optional(Type.String()),
})

export const ModelFilter = Type.Object({
  modality: Type.Optional(Type.String({ description: 'All models here are of the modality text.' })),
  provider: Type.Optional(Type.String()),
})

export const CapabilityList = Type.Object(
  {
    object: Type.Literal('list'),
    data: Type.Array(
      Type.Object({
        id: Type.String(),
        object: Type.Literal('capability'),
        description: Type.String(),
        endpoint: Type.String(),
      }),
    ),
  },
  { title: 'CapabilityList' },
)

export const ProviderList = Type.Object(
  {
    object: Type.Literal('list'),
    data: Type.Array(
      Type.Object({
        id: Type.String({ description: '"local" for the weights of this server, else the upstream' }),
        object: Type.Literal('provider'),
        provider: Type.String(),
        status: Type.Union([Type.Literal('healthy'), Type.Literal('degraded'), Type.Literal('down')]),
        latency_ms: Type.Union([Type.Number(), Type.Null()], { description: 'Of late, a text; null before the first' }),
        circuit: Type.Union([Type.Literal('closed'), Type.Literal('open'), Type.Literal('half_open')]),
        models: Strings,
      }),
    ),
  },
  { title: 'ProviderList' },
)
