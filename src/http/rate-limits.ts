import { ValenceError } from '../errors.ts'
import type { RateVerdict } from '../gateway/rate-window.ts'

/** What every answer to a request that was counted tells of the limit. */
export function rateLimitHeaders({ limit, remaining, resetSeconds }: RateVerdict): Record<string, string> {
  return {
    'x-ratelimit-limit-requests': String(limit),
    'x-ratelimit-remaining-requests': String(remaining),
    'x-ratelimit-reset-requests': String(resetSeconds),
  }
}

export function rateLimited({ limit, retryAfterSeconds }: RateVerdict): ValenceError {
  return new ValenceError(
    'rate_limited',
    `More than ${limit} requests a minute. Try again in ${retryAfterSeconds} seconds.`,
    { retryAfterSeconds },
  )
}
