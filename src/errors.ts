/**
 * The error vocabulary of the whole program. It knows no HTTP: each dialect gives a code its own status and shape.
 *
 * | code | meaning | worth retrying |
 * | --- | --- | --- |
 * | invalid_request | a field is missing, of the wrong type, or asks for what a classifier cannot do | no |
 * | body_missing | the request has no body | no |
 * | body_not_json | the body is not JSON | no |
 * | body_too_large | the body is over the limit | no |
 * | bad_path | the path holds a malformed escape | no |
 * | head_too_large | the headers, or the address, are over the limit | no |
 * | request_too_slow | the request did not arrive within its time | yes |
 * | unauthenticated | the key is missing or unknown | no |
 * | insufficient_credits | the wallet cannot pay for the request | no, until it is topped up |
 * | budget_exceeded | a spending cap of the key, sub-account or tag is reached | no, until the next month or a higher cap |
 * | scope_exceeded | the key may not do this | no |
 * | rate_limited | too many requests a minute | yes, after retryAfterSeconds |
 * | model_not_found | no such model here | no |
 * | model_loading | the model is on its way; estimatedSeconds says how long it may take | yes, after retryAfterSeconds |
 * | model_unavailable | the model is known, but its weights are not here | no |
 * | not_found | no such object, or it is another's | no |
 * | conflict | the object's state does not allow this | no |
 * | route_not_found | no such path | no |
 * | method_not_allowed | the path is there, the method is not | no |
 * | busy | the queue is full | yes, after retryAfterSeconds |
 * | timed_out | the answer did not come within the time limit | yes |
 * | aborted | the client went away | nobody reads it |
 * | shutting_down | the server is stopping | yes, elsewhere |
 * | upstream_failed | a remote model failed to answer | yes |
 * | internal | a fault of ours | perhaps |
 */
export type ErrorCode =
  | 'invalid_request'
  | 'body_missing'
  | 'body_not_json'
  | 'body_too_large'
  | 'bad_path'
  | 'head_too_large'
  | 'request_too_slow'
  | 'unauthenticated'
  | 'insufficient_credits'
  | 'budget_exceeded'
  | 'scope_exceeded'
  | 'rate_limited'
  | 'model_not_found'
  | 'model_loading'
  | 'model_unavailable'
  | 'not_found'
  | 'conflict'
  | 'route_not_found'
  | 'method_not_allowed'
  | 'busy'
  | 'timed_out'
  | 'aborted'
  | 'shutting_down'
  | 'upstream_failed'
  | 'internal'

/** What a dialect may want to say beside the message. */
export type ErrorDetails = {
  /** the offending field, as a path in the client's own notation: `messages[0].content` */
  field?: string
  /** the JSON Schema keyword that failed, where validation failed */
  rule?: string
  /** the model that the client asked for */
  model?: string
  retryAfterSeconds?: number
  /** how long a model may take to be there */
  estimatedSeconds?: number
  cause?: unknown
}

/** What is refused in numbers, when there is least time for it: a stack that nobody reads would be a tenth of it. */
const WITHOUT_STACK: ReadonlySet<ErrorCode> = new Set(['busy', 'rate_limited'])

/** An error whose message may be shown to the client: it says what was wrong and what to do. */
export class ValenceError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    const { stackTraceLimit } = Error
    if (WITHOUT_STACK.has(code)) Error.stackTraceLimit = 0
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    Error.stackTraceLimit = stackTraceLimit
    this.name = 'ValenceError'
    this.code = code
    this.details = details
  }
}

/** Turns whatever was thrown into a ValenceError; what is not ours becomes `internal`, its own message hidden. */
export function asValenceError(thrown: unknown): ValenceError {
  if (thrown instanceof ValenceError) return thrown
  if (isUnstorableText(thrown)) {
    return new ValenceError(
      'invalid_request',
      'A text of this request holds the character U+0000 or half of a surrogate pair, which cannot be kept; leave it out.',
      { cause: thrown },
    )
  }
  return new ValenceError('internal', 'The server failed while it handled this request. Its log has the cause.', {
    cause: thrown,
  })
}

/** What PostgreSQL says of the character 0, and in JSON of half a surrogate pair: it can neither keep nor look for them. */
function isUnstorableText(thrown: unknown): boolean {
  const { code, detail } = (thrown ?? {}) as { code?: string; detail?: string }
  return code === '22021' || code === '22P05' || (code === '22P02' && /surrogate/.test(detail ?? ''))
}
