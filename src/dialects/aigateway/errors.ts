import type { ErrorCode, ValenceError } from '../../errors.ts'
import { type ErrorAnswer, retryAfter } from '../dialect.ts'

/** Types and statuses of AIGateway's model page and reference. */
const RENDERINGS: Record<ErrorCode, { status: number; type: string }> = {
  invalid_request: { status: 400, type: 'invalid_request_error' },
  body_missing: { status: 400, type: 'invalid_request_error' },
  body_not_json: { status: 400, type: 'invalid_request_error' },
  body_too_large: { status: 413, type: 'invalid_request_error' },
  bad_path: { status: 400, type: 'invalid_request_error' },
  unauthenticated: { status: 401, type: 'authentication_error' },
  model_not_found: { status: 404, type: 'model_not_found' },
  model_unavailable: { status: 503, type: 'service_unavailable' },
  route_not_found: { status: 404, type: 'not_found' },
  method_not_allowed: { status: 405, type: 'invalid_request_error' },
  busy: { status: 503, type: 'service_unavailable' },
  timed_out: { status: 504, type: 'timeout_error' },
  aborted: { status: 499, type: 'timeout_error' },
  shutting_down: { status: 503, type: 'service_unavailable' },
  internal: { status: 500, type: 'server_error' },
}

export function renderError(error: ValenceError): ErrorAnswer {
  const { status, type } = RENDERINGS[error.code]
  const param = error.code.startsWith('model_') ? 'model' : (error.details.field ?? null)
  return {
    status,
    // The openai clients would try a 503 again, which mends a full queue but brings no weights.
    headers: { ...retryAfter(error), ...(error.code === 'model_unavailable' && { 'x-should-retry': 'false' }) },
    body: { error: { message: error.message, type, code: status, param } },
  }
}
