import type { ErrorCode, ValenceError } from '../../errors.ts'
import { type ErrorAnswer, retryAfter } from '../dialect.ts'

type ErrorType = 'unhealthy' | 'backend' | 'overloaded' | 'validation' | 'tokenizer' | 'empty'

/** That server's statuses and types; what it knows no word for has the nearest one. */
const RENDERINGS: Record<ErrorCode, [status: number, type: ErrorType]> = {
  invalid_request: [422, 'validation'],
  body_missing: [422, 'validation'],
  body_not_json: [422, 'validation'],
  body_too_large: [413, 'validation'],
  bad_path: [422, 'validation'],
  head_too_large: [431, 'validation'],
  request_too_slow: [408, 'validation'],
  unauthenticated: [401, 'validation'],
  insufficient_credits: [402, 'validation'],
  budget_exceeded: [402, 'validation'],
  scope_exceeded: [403, 'validation'],
  rate_limited: [429, 'overloaded'],
  model_not_found: [404, 'validation'],
  model_loading: [503, 'unhealthy'],
  model_unavailable: [424, 'backend'],
  not_found: [404, 'validation'],
  conflict: [409, 'validation'],
  route_not_found: [404, 'validation'],
  method_not_allowed: [405, 'validation'],
  busy: [429, 'overloaded'],
  timed_out: [424, 'backend'],
  aborted: [499, 'backend'],
  shutting_down: [503, 'unhealthy'],
  upstream_failed: [424, 'backend'],
  internal: [424, 'backend'],
}

/** What is too long or too much for one request is told from what is wrong with it. */
const TOO_MUCH = ['too_long', 'too_many']
const EMPTY = ['minItems', 'minLength']

export function renderError(error: ValenceError): ErrorAnswer {
  const [status, type] = renderingOf(error)
  return { status, headers: retryAfter(error), body: { error: error.message, error_type: type } }
}

function renderingOf({ code, details: { rule = '' } }: ValenceError): [status: number, type: ErrorType] {
  if (TOO_MUCH.includes(rule)) return [413, 'validation']
  if (EMPTY.includes(rule)) return [400, 'empty']
  return RENDERINGS[code]
}
