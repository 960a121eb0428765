import type { ErrorCode, ValenceError } from '../../errors.ts'
import { type ErrorAnswer, type FailedRequest, retryAfter } from '../dialect.ts'
import { identityOf } from './identity.ts'

type Rendering = { status: number; code: number; words?: (error: ValenceError, request: FailedRequest) => Words }

/** What Cloudflare says of an error: from a model's side all is an `AiError`; its gates in front say plain sentences. */
type Words = { name?: 'AiError'; message: string; description?: string }

/**
 * Statuses and codes are those of Cloudflare's documentation of Workers AI errors; where it has none for a case, the
 * nearest one. Clients read the status and `errors[]`.
 */
const RENDERINGS: Record<ErrorCode, Rendering> = {
  invalid_request: { status: 400, code: 5006, words: badInput },
  body_missing: { status: 400, code: 3003, words: () => aiError('The request is missing its headers or body.') },
  body_not_json: { status: 400, code: 5006, words: badInput },
  body_too_large: { status: 413, code: 3006 },
  bad_path: { status: 400, code: 7003, words: notRouted },
  head_too_large: { status: 431, code: 6003, words: () => ({ message: 'Invalid request headers' }) },
  request_too_slow: { status: 408, code: 3007 },
  unauthenticated: { status: 401, code: 10000, words: () => ({ message: 'Authentication error' }) },
  // What an account meets there that has used up what it may spend.
  insufficient_credits: { status: 429, code: 3036 },
  budget_exceeded: { status: 429, code: 3036 },
  scope_exceeded: { status: 403, code: 5018 },
  rate_limited: { status: 429, code: 3021 },
  model_not_found: {
    status: 400,
    code: 5007,
    words: ({ details }) => aiError(`No such model ${details.model} or task`),
  },
  // "No capacity": clients try again, and the model will have come.
  model_loading: { status: 429, code: 3040 },
  // Not 3040, "no capacity": clients would try again, and the weights will not have come.
  model_unavailable: { status: 400, code: 5007 },
  not_found: { status: 404, code: 7003, words: notRouted },
  conflict: { status: 409, code: 5006 },
  route_not_found: { status: 404, code: 7000, words: () => ({ message: 'No route for that URI' }) },
  method_not_allowed: {
    status: 405,
    code: 10405,
    words: () => ({ message: 'Method not allowed for this authentication scheme' }),
  },
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
  const { code, words, ...answer } = explained(error, request)
  if (isMalformedAuthorization(error)) return { ...answer, status: 400, body: MALFORMED_AUTHORIZATION }
  const message = words.name === undefined ? words.message : `${words.name}: ${words.message}`
  return { ...answer, body: { errors: [{ message, code }], success: false, result: {}, messages: [] } }
}

/** Cloudflare tells a header that it cannot read apart from a token that it does not know. */
const MALFORMED_AUTHORIZATION = {
  errors: [
    {
      code: 6003,
      message: 'Invalid request headers',
      error_chain: [{ code: 6111, message: 'Invalid format for Authorization header' }],
    },
  ],
  success: false,
  result: {},
  messages: [],
}

function isMalformedAuthorization({ code, details }: ValenceError): boolean {
  return code === 'unauthenticated' && details.rule === 'format'
}

/** The form that `env.AI` reads: it throws an error of this name that says `<internalCode>: <description>`. */
export function renderBindingError(error: ValenceError, request: FailedRequest): ErrorAnswer {
  const { code, words, ...answer } = explained(error, request)
  const { name = 'AiError', message, description = message } = words
  return { ...answer, body: { internalCode: code, name, message, description } }
}

function explained(error: ValenceError, request: FailedRequest) {
  const { status, code, words } = RENDERINGS[error.code]
  return {
    status,
    code,
    words: words ? words(error, request) : aiError(error.message),
    headers: {
      ...identityOf(request.id),
      ...retryAfter(error),
      ...(NOT_AGAIN.has(error.code) && { 'x-should-retry': 'false' }),
    },
  }
}

function aiError(message: string, description = message): Words {
  return { name: 'AiError', message, description }
}

/** The wording of a missing field is the hosted one: `required properties at '/' are 'text'`. */
function badInput({ details: { rule, field }, message }: ValenceError): Words {
  const what = rule === 'required' ? `Error: required properties at '/' are '${field}'` : `Error: ${message}`
  return aiError(`Bad input: ${what}`, what)
}

function notRouted(_: ValenceError, { path }: FailedRequest): Words {
  return { message: `Could not route to ${path}, perhaps your object identifier is invalid?` }
}
