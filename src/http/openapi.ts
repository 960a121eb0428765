import fastifySwagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'

/** Serves `GET /openapi.json`, made from the schemas that validate the requests. */
export async function addOpenApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Valence',
        version,
        description:
          "Text classification behind AIGateway's OpenAI-compatible API, Cloudflare Workers AI and the Hugging Face Inference API.",
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      security: [{ key: [] }],
    },
    transform: ({ schema, url }) => ({ schema: withNamedWildcard(schema), url: url.replace('*', ':model') }),
  })
  let document: string | undefined
  app.get('/openapi.json', { schema: { hide: true } }, async (_, reply) => {
    document ??= JSON.stringify(app.swagger())
    return reply.type('application/json').serializer(String).send(document)
  })
}

/** A route takes a model's slashes with a wildcard; OpenAPI has none, so the document calls it `{model}`. */
function withNamedWildcard<T>(schema: T): T {
  const params = (schema as { params?: { properties?: Record<string, unknown> } } | undefined)?.params
  if (!params?.properties || !('*' in params.properties)) return schema
  const { '*': model, ...others } = params.properties
  return {
    ...schema,
    params: { type: 'object', properties: { ...others, model }, required: [...Object.keys(others), 'model'] },
  }
}
