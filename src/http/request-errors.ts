import type { IncomingMessage } from 'node:http'
import { asValenceError, ValenceError } from '../errors.ts'

/** Turns what Fastify throws before a handler runs into our vocabulary. */
export function fromHttp(thrown: unknown, { destroyed, complete }: IncomingMessage): ValenceError {
  // Nobody hears of it; it is no fault of the server, and not one to log.
  if (destroyed && !complete) return new ValenceError('aborted', 'The client closed the connection.', { cause: thrown })
  const code = (thrown as { code?: string } | null)?.code ?? ''
  if (code === 'FST_ERR_BAD_URL' || code === 'FST_ERR_MAX_PARAM_LENGTH') {
    return new ValenceError('bad_path', 'The address is too long or holds a malformed percent-escape.')
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new ValenceError('body_not_json', 'The header Content-Type is malformed; send application/json.')
  }
  // The method QUERY must say what its body is; no route of ours answers it.
  if (code === 'FST_ERR_ROUTE_MISSING_CONTENT_TYPE') {
    return new ValenceError('method_not_allowed', 'This method is not answered here.')
  }
  return asValenceError(thrown)
}
