import type { FastifySchemaValidationError } from 'fastify/types/schema.js'
import { asValenceError, ValenceError } from '../errors.ts'
import { bodyTooLarge } from './body.ts'

/**
 * Says in one sentence what a schema found wrong.
 *
 * Where a value may have one of several types, the validator reports what keeps it from being each of them. The
 * finding that lies deepest is about the type that the client meant; of several at one place, one about more than the
 * type is, since it comes from the type that fitted.
 */
export function schemaError(findings: readonly FastifySchemaValidationError[], context: string): ValenceError {
  const finding = findings.toSorted((a, b) => depthOf(b) - depthOf(a) || weightOf(b) - weightOf(a))[0]!
  const at = fieldName(finding.instancePath)
  if (finding.keyword === 'required') {
    const missing = String(finding.params.missingProperty)
    const field = at ? `${at}.${missing}` : missing
    return new ValenceError('invalid_request', `${field} is required.`, { field, rule: 'required' })
  }
  const field = at || context
  const problem =
    finding.keyword === 'type' ? `must be ${typesAt(finding, findings)}` : (finding.message ?? 'is not valid')
  return new ValenceError('invalid_request', `${field} ${problem}.`, { field, rule: finding.keyword })
}

function depthOf({ instancePath }: FastifySchemaValidationError): number {
  return instancePath.split('/').length
}

function weightOf({ keyword }: FastifySchemaValidationError): number {
  return { anyOf: 0, type: 1 }[keyword] ?? 2
}

/** Every type that would have done: `string or array or null` */
function typesAt(
  { instancePath }: FastifySchemaValidationError,
  findings: readonly FastifySchemaValidationError[],
): string {
  const same = findings.filter((other) => other.instancePath === instancePath && other.keyword === 'type')
  return [...new Set(same.map(({ params }) => String(params.type)))].join(' or ')
}

/** `/messages/0/content` → `messages[0].content` */
function fieldName(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((name, part) => (/^\d+$/.test(part) ? `${name}[${part}]` : name ? `${name}.${part}` : part), '')
}

/** Turns what Fastify throws before a handler runs into our vocabulary. */
export function fromHttp(thrown: unknown): ValenceError {
  const code = (thrown as { code?: string } | null)?.code ?? ''
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return bodyTooLarge()
  }
  if (code === 'FST_ERR_BAD_URL' || code === 'FST_ERR_MAX_PARAM_LENGTH') {
    return new ValenceError('bad_path', 'The address is too long or holds a malformed percent-escape.')
  }
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH' || code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new ValenceError(
      'body_not_json',
      'The body could not be read; send JSON with the length that its header says.',
    )
  }
  // The method QUERY must say what its body is; no route of ours answers it.
  if (code === 'FST_ERR_ROUTE_MISSING_CONTENT_TYPE') {
    return new ValenceError('method_not_allowed', 'This method is not answered here.')
  }
  return asValenceError(thrown)
}
