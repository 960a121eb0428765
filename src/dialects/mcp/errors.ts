import type { ErrorCode, ValenceError } from '../../errors.ts'
import { type ErrorAnswer, retryAfter } from '../dialect.ts'

/** What has no status of its own here is the request's fault. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  body_too_large: 413,
  head_too_large: 431,
  request_too_slow: 408,
  unauthenticated: 401,
  insufficient_credits: 402,
  budget_exceeded: 402,
  scope_exceeded: 403,
  rate_limited: 429,
  not_found: 404,
  route_not_found: 404,
  // What a client gets that asks for a stream or a session, which this server has none of.
  method_not_allowed: 405,
  model_loading: 503,
  busy: 503,
  timed_out: 504,
  aborted: 499,
  shutting_down: 503,
  upstream_failed: 500,
  internal: 500,
}

/** JSON-RPC's numbers for a body that is no JSON, and for whatever the protocol itself does not name. */
const PARSE_ERROR = -32700
const SERVER_ERROR = -32000

/** An error outside of any JSON-RPC request: of the HTTP request that carries them. */
export function renderError(error: ValenceError): ErrorAnswer {
  const code = error.code === 'body_not_json' ? PARSE_ERROR : SERVER_ERROR
  return {
    status: STATUS[error.code] ?? 400,
    headers: { ...retryAfter(error), ...(error.code === 'unauthenticated' && { 'www-authenticate': 'Bearer' }) },
    body: { jsonrpc: '2.0', error: { code, message: error.message, data: { type: error.code } }, id: null },
  }
}
