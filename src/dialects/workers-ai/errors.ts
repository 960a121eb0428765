import type { ErrorCode, ValenceError } from '../../errors.ts'
import { type ErrorAnswer, type FailedRequest, retryAfter } from '../dialect.ts'

type Rendering = { status: number; code: number; message?: (error: ValenceError, request: FailedRequest) => string }

/**
 * Statuses and codes are those of Cloudflare's documentation of Workers AI errors; where it has none for a case, the
 * nearest one. Clients read the status and `errors[]`.
 */
const RENDERINGS: Record<ErrorCode, Rendering> = {
  invalid_request: { status: 400, code: 5006, message: badInput },
  body_missing: { status: 400, code: 3003, message: () => 'AiError: The request is missing its headers or body.' },
  body_not_json: { status: 400, code: 5006, message: (error) => `AiError: Bad input: Error: ${error.message}` },
  body_too_large: { status: 413, code: 3006 },
  bad_path: { status: 400, code: 7003, message: notRouted },
  unauthenticated: { status: 401, code: 10000, message: () => 'Authentication error' },
  // What an account meets there that has used up what it may spend.
  insufficient_credits: { status: 429, code: 3036 },
  budget_exceeded: { status: 429, code: 3036 },
  scope_exceeded: { status: 403, code: 5018 },
  rate_limited: { status: 429, code: 3021 },
  model_not_found: {
    status: 400,
    code: 5007,
    message: ({ details }) => `AiError: No such model ${details.model} or task`,
  },
  // Not 3040, "no capacity": clients would try again, and the weights will not have come.
  model_unavailable: { status: 400, code: 5007 },
  not_found: { status: 404, code: 7003, message: notRouted },
  conflict: { status: 409, code: 5006 },
  route_not_found: { status: 404, code: 7000, message: () => 'No route for that URI' },
  method_not_allowed: { status: 405, code: 10405, message: () => 'Method not allowed for this authentication scheme' },
  busy: { status: 429, code: 3040 },
  timed_out: { status: 408, code: 3007 },
  aborted: { status: 408, code: 3008 },
  shutting_down: { status: 429, code: 3040 },
  upstream_failed: { status: 500, code: 5000 },
  internal: { status: 500, code: 5000 },
}

/** Cloudflare's clients try every 429 and 409 again; these stay as they are. */
const NOT_AGAIN: ReadonlySet<ErrorCode> = new Set(['insufficient_credits', 'budget_exceeded', 'conflict'])

/** Cloudflare's envelope around an error. */
export function renderError(error: ValenceError, request: FailedRequest): ErrorAnswer {
  const { status, code, message } = RENDERINGS[error.code]
  const text = message ? message(error, request) : `AiError: ${error.message}`
  return {
    status,
    headers: { ...retryAfter(error), ...(NOT_AGAIN.has(error.code) && { 'x-should-retry': 'false' }) },
    body: { errors: [{ message: text, code }], success: false, result: {}, messages: [] },
  }
}

/** The wording of a missing field is the hosted one: `required properties at '/' are 'text'`. */
function badInput({ details: { rule, field }, message }: ValenceError): string {
  if (rule === 'required') return `AiError: Bad input: Error: required properties at '/' are '${field}'`
  return `AiError: Bad input: Error: ${message}`
}

function notRouted(_: ValenceError, { path }: FailedRequest): string {
  return `Could not route to ${path}, perhaps your object identifier is invalid?`
}
