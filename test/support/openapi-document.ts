import { existsSync, readFileSync } from 'node:fs'
import Schema from 'typebox/schema'

/** AIGateway's published document, which is not ours to ship: it lies beside the repository where it is at all. */
const PATH = '../shared/contracts/aigateway-openapi.json'

type Operation = { responses: Record<string, { content?: Record<string, { schema: unknown }> }> }
type Document = { paths: Record<string, Record<string, Operation>>; components: { schemas: Record<string, unknown> } }

/** undefined where the document is not here; the caller skips its tests then, and says so. */
export const DOCUMENT: Document | undefined = existsSync(PATH)
  ? (JSON.parse(readFileSync(PATH, 'utf8')) as Document)
  : undefined

/** Every operation of it, such as `POST /v1/evals`. */
export function operationsOf({ paths }: Document): string[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => method !== 'parameters')
      .map((method) => `${method.toUpperCase()} ${path}`),
  )
}

/** What of an answer is not as the document says; nothing is said of statuses without a schema but that they are there. */
export function differences(document: Document, operation: string, status: number, body: unknown): string[] {
  const [method, path] = operation.split(' ') as [string, string]
  const { responses } = document.paths[path]![method.toLowerCase()]!
  const response = responses[status]
  if (!response) return [`the status ${status} is not one of ${Object.keys(responses).join(', ')}`]
  const schema = response.content?.['application/json']?.schema
  if (schema === undefined) return []
  const [isRight, errors] = Schema.Errors(inlined(schema, document) as Parameters<typeof Schema.Errors>[0], body)
  return isRight ? [] : errors.map(({ instancePath, message }) => `${instancePath}: ${message}`)
}

/** With the schemas that it refers to inside; `nullable`, which the document's version of OpenAPI has no more, means null. */
function inlined(schema: unknown, document: Document): unknown {
  if (Array.isArray(schema)) return schema.map((each) => inlined(each, document))
  if (typeof schema !== 'object' || schema === null) return schema
  const { $ref: ref, nullable, ...rest } = schema as Record<string, unknown>
  if (typeof ref === 'string') return inlined(document.components.schemas[ref.split('/').at(-1)!], document)
  const whole = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, inlined(value, document)]))
  return nullable === true ? { anyOf: [whole, { type: 'null' }] } : whole
}
