import type { RateVerdict } from '../gateway/rate-window.ts'

/** What every answer to a request that was counted tells of the limit. */
export function rateLimitHeaders({ limit, remaining, resetSeconds }: RateVerdict): Record<string, string> {
  return {
    'x-ratelimit-limit-requests': String(limit),
    'x-ratelimit-remaining-requests': String(remaining),
    'x-ratelimit-reset-requests': String(resetSeconds),
  }
}
