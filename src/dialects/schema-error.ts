import { ValenceError } from '../errors.ts'

/** What a validator found, in the words that all of them share. */
export type Finding = {
  keyword: string
  /** a JSON pointer to the value */
  instancePath: string
  params: Record<string, unknown>
  message?: string | undefined
}

/**
 * Says in one sentence what a schema found wrong.
 *
 * Where a value may have one of several types, the validator reports what keeps it from being each of them. The
 * finding that lies deepest is about the type that the client meant; of several at one place, one about more than the
 * type is, since it comes from the type that fitted.
 */
export function schemaError(findings: readonly Finding[], context: string): ValenceError {
  const finding = findings.toSorted((a, b) => depthOf(b) - depthOf(a) || weightOf(b) - weightOf(a))[0]!
  const at = fieldName(finding.instancePath)
  if (finding.keyword === 'required') {
    // Fastify's validator names one field, TypeBox's own a list of them.
    const { missingProperty, requiredProperties } = finding.params
    const missing = (missingProperty as string | undefined) ?? (requiredProperties as string[])[0]!
    const field = at ? `${at}.${missing}` : missing
    return new ValenceError('invalid_request', `${field} is required.`, { field, rule: 'required' })
  }
  const field = at || context
  const problem = finding.keyword === 'type' ? `must be ${typesAt(finding, findings)}` : inWords(finding.message)
  return new ValenceError('invalid_request', `${field} ${problem}.`, { field, rule: finding.keyword })
}

/** The two validators differ in one letter's case alone; a batch's line is told what its own request would be told. */
function inWords(message = 'is not valid'): string {
  return message.replace('must not', 'must NOT')
}

function depthOf({ instancePath }: Finding): number {
  return instancePath.split('/').length
}

function weightOf({ keyword }: Finding): number {
  return { anyOf: 0, type: 1 }[keyword] ?? 2
}

/** Every type that would have done: `string or array or null` */
function typesAt({ instancePath }: Finding, findings: readonly Finding[]): string {
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
