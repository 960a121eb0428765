import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Admission, ModelStatus } from '../../gateway/admission.ts'
import { dollarsOf } from '../../gateway/money.ts'
import { CAPABILITIES, MODERATION_CAPABILITY } from './capabilities.ts'
import { invocationOf } from './invocation.ts'
import {
  CapabilityList,
  ModelFilter,
  ModelList,
  ModelNameParts,
  ModelObject,
  ModelParams,
  ModelSchemaAnswer,
  ProviderList,
} from './model-schemas.ts'
import { canModerate } from './moderation-categories.ts'
import { ErrorBody } from './schemas.ts'

const ERRORS = { '4xx': ErrorBody, '5xx': ErrorBody }

/** A name has one part (encoded, or an alias), two, or three (@cf/…): a wildcard can only be last in an address. */
const SCHEMA_ADDRESSES = ['/v1/models/:first/schema', '/v1/models/:first/:second/schema']
const DOCUMENTED_SCHEMA_ADDRESS = '/v1/models/:first/:second/:third/schema'

/** What there is to ask: models, what they can do, and how those who answer are. */
export function modelRoutes(admission: Admission): FastifyPluginAsyncTypebox {
  return async (app) => {
    const startedAt = Math.floor(Date.now() / 1000)
    const object = (status: ModelStatus) => modelObject(status, { startedAt, ...admission.offer(status) })

    app.get(
      '/v1/models',
      {
        schema: {
          summary: 'List the models',
          tags: ['OpenAI'],
          querystring: ModelFilter,
          response: { 200: ModelList, ...ERRORS },
        },
      },
      async ({ query: { modality = 'text', provider } }) => ({
        object: 'list' as const,
        data: admission
          .models()
          .map(object)
          .filter((model) => model.modality === modality && (provider ?? model.provider) === model.provider),
      }),
    )

    app.get(
      '/v1/models/*',
      {
        schema: {
          summary: 'Describe a model, by its id or an alias',
          tags: ['OpenAI'],
          params: ModelParams,
          response: { 200: ModelObject, ...ERRORS },
        },
      },
      async (request) => {
        const status = admission.model(request.params['*'])
        return { ...object(status), schema: invocationOf(status.model) }
      },
    )

    for (const url of [...SCHEMA_ADDRESSES, DOCUMENTED_SCHEMA_ADDRESS]) {
      app.get(
        url,
        {
          schema: {
            summary: 'Say how a model is called',
            tags: ['OpenAI'],
            hide: url !== DOCUMENTED_SCHEMA_ADDRESS,
            params: ModelNameParts,
            response: { 200: ModelSchemaAnswer, ...ERRORS },
          },
        },
        async ({ params: { first, second, third } }) => {
          const name = [first, second, third].filter((part) => part !== undefined).join('/')
          const { model } = admission.model(name)
          return { id: model.id, object: 'model.schema' as const, schema: invocationOf(model) }
        },
      )
    }

    app.get(
      '/v1/capabilities',
      {
        schema: {
          summary: 'List what the models can do',
          tags: ['OpenAI'],
          response: { 200: CapabilityList, ...ERRORS },
        },
      },
      async () => ({
        object: 'list' as const,
        data: [...CAPABILITIES, MODERATION_CAPABILITY].map((each) => ({ ...each, object: 'capability' as const })),
      }),
    )

    app.get(
      '/v1/health/providers',
      {
        schema: {
          summary: 'Say how those who answer are',
          tags: ['OpenAI'],
          response: { 200: ProviderList, ...ERRORS },
        },
      },
      async () => ({
        object: 'list' as const,
        data: admission.providers().map(({ name, status, latencyMs, circuit, models }) => ({
          id: name,
          object: 'provider' as const,
          provider: name,
          status,
          latency_ms: latencyMs ?? null,
          circuit,
          models: [...models],
        })),
      }),
    )
  }
}

type Offer = ReturnType<Admission['offer']>

function modelObject(
  { model, state, servedBy, reason }: ModelStatus,
  { startedAt, price, maxTokens }: Offer & { startedAt: number },
) {
  const ids = CAPABILITIES.map(({ id }) => id)
  return {
    id: model.id,
    object: 'model' as const,
    created: startedAt,
    owned_by: model.provider,
    provider: model.provider,
    description: model.description,
    aliases: [...model.aliases],
    modality: 'text' as const,
    task: 'text-classification' as const,
    capabilities: canModerate(model) ? [...ids, MODERATION_CAPABILITY.id] : ids,
    labels: [...model.labels],
    context_window: maxTokens ?? null,
    pricing: {
      currency: 'usd' as const,
      per_request: dollarsOf(price.perRequestMicros),
      per_million_tokens: dollarsOf(price.perMillionTokensMicros),
    },
    status: state,
    served_by: servedBy ?? null,
    reason: reason ?? null,
  }
}
