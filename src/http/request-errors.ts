import type { FastifySchemaValidationError } from 'fastify/types/schema.js'
import { asValenceError, ValenceError } from '../errors.ts'

/**
 * Says in one sentence what a schema found wrong.
 *
 * Where a value may have one of several types, the validator reports every type that it is not; the finding that lies
 * deepest is the one about the type that the client meant.
 */
export function schemaError(findings: readonly FastifySchemaValidationError[], context: string): ValenceError {
  const finding = findings.toSorted((a, b) => depthOf(b) - depthOf(a))[0]!
  const at = fieldName(finding.instancePath)
  if (finding.keyword === 'required') {
    const missing = String(finding.params.missingProperty)
    const field = at ? `${at}.${missing}` : missing
    return new ValenceError('invalid_request', `${field} is required.`, { field, rule: 'required' })
  }
  const field = at || context
  const alternatives = findings.filter(
    (other) => other.instancePath === finding.instancePath && other.keyword === 'type',
  )
  const message =
    alternatives.length > 1
      ? `${field} must be ${alternatives.map(({ params }) => params.type).join(' or ')}.`
      : `${field} ${finding.message ?? 'is not valid'}.`
  return new ValenceError('invalid_request', message, { field, rule: finding.keyword })
}

function depthOf({ instancePath, keyword }: FastifySchemaValidationError): number {
  // Of two findings at one place, "none of the alternatives" says less than the alternatives' own findings.
  return instancePath.split('/').length * 2 - (keyword === 'anyOf' ? 1 : 0)
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
    return new ValenceError('body_too_large', 'The body is larger than this server takes. Send fewer or shorter texts.')
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
  return asValenceError(thrown)
}
