import type { ErrorCode, ValenceError } from '../../errors.ts'
import { type ErrorAnswer, retryAfter } from '../dialect.ts'

/** Types and statuses of AIGateway's model page and reference. */
const RENDERINGS: Record<ErrorCode, { status: number; type: string }> = {
  invalid_request: { status: 400, type: 'invalid_request_error' },
  body_missing: { status: 400, type: 'invalid_request_error' },
  body_not_json: { status: 400, type: 'invalid_request_error' },
  body_too_large: { status: 413, type: 'invalid_request_error' },
  bad_path: { status: 400, type: 'invalid_request_error' },
  head_too_large: { status: 431, type: 'invalid_request_error' },
  request_too_slow: { status: 408, type: 'timeout_error' },
  unauthenticated: { status: 401, type: 'authentication_error' },
  insufficient_credits: { status: 402, type: 'insufficient_credits' },
  budget_exceeded: { status: 402, type: 'budget_exceeded' },
  scope_exceeded: { status: 403, type: 'scope_exceeded' },
  rate_limited: { status: 429, type: 'rate_limit_error' },
  model_not_found: { status: 404, type: 'model_not_found' },
  model_loading: { status: 503, type: 'service_unavailable' },
  model_unavailable: { status: 503, type: 'service_unavailable' },
  not_found: { status: 404, type: 'not_found' },
  conflict: { status: 409, type: 'invalid_request_error' },
  route_not_found: { status: 404, type: 'not_found' },
  method_not_allowed: { status: 405, type: 'invalid_request_error' },
  busy: { status: 503, type: 'service_unavailable' },
  timed_out: { status: 504, type: 'timeout_error' },
  aborted: { status: 499, type: 'timeout_error' },
  shutting_down: { status: 503, type: 'service_unavailable' },
  upstream_failed: { status: 500, type: 'server_error' },
  internal: { status: 500, type: 'server_error' },
}

/**
 * The openai clients would try every 503 and 409 again, which mends a full queue, but brings no weights and changes no
 * object's state.
 */
const NOT_AGAIN: ReadonlySet<ErrorCode> = new Set(['model_unavailable', 'conflict'])

export function renderError(error: ValenceError): ErrorAnswer {
  const { status, type } = RENDERINGS[error.code]
  const param = error.code.startsWith('model_') ? 'model' : (error.details.field ?? null)
  return {
    status,
    headers: { ...retryAfter(error), ...(NOT_AGAIN.has(error.code) && { 'x-should-retry': 'false' }) },
    body: { error: { message: error.message, type, code: status, param } },
  }
}
