import type { ErrorCode, ValenceError } from '../../errors.ts'
import { type ErrorAnswer, retryAfter } from '../dialect.ts'

/**
 * Statuses as the Inference API answers them; its clients show `error` only where it is a string.
 *
 * Only a model that is loading is a 503: the npm client repeats a request that got one at once, without delay or end (2,000
 * times a second), so 503 is right only where each such answer has been held back for a while on our side.
 */
const STATUS: Record<ErrorCode, number> = {
  invalid_request: 400,
  body_missing: 400,
  body_not_json: 400,
  body_too_large: 413,
  bad_path: 400,
  head_too_large: 431,
  request_too_slow: 408,
  unauthenticated: 401,
  insufficient_credits: 402,
  budget_exceeded: 402,
  scope_exceeded: 403,
  rate_limited: 429,
  model_not_found: 404,
  model_loading: 503,
  model_unavailable: 400,
  not_found: 404,
  conflict: 409,
  route_not_found: 404,
  method_not_allowed: 405,
  busy: 429,
  timed_out: 504,
  aborted: 499,
  shutting_down: 502,
  upstream_failed: 500,
  internal: 500,
}

const MESSAGE: Partial<Record<ErrorCode, (error: ValenceError) => string>> = {
  unauthenticated: () => 'Invalid credentials in Authorization header',
  model_loading: ({ details }) => `Model ${details.model} is currently loading`,
  model_not_found: ({ details }) => `Model ${details.model} does not exist`,
  rate_limited: ({ message }) => `Rate limit reached. ${message}`,
  busy: ({ message }) => `Rate limit reached. ${message}`,
  internal: () => 'unknown error',
}

export function renderError(error: ValenceError): ErrorAnswer {
  const { estimatedSeconds } = error.details
  return {
    status: STATUS[error.code],
    headers: retryAfter(error),
    body: {
      error: MESSAGE[error.code]?.(error) ?? error.message,
      ...(estimatedSeconds !== undefined && { estimated_time: estimatedSeconds }),
    },
  }
}
