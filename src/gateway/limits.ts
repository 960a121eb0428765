import type { Kysely } from 'kysely'
import { LRUCache } from 'lru-cache'
import { ValenceError } from '../errors.ts'
import type { Database } from '../store/database.ts'
import { changeRateWindows } from '../store/rate-windows.ts'
import type { Store } from '../store/store.ts'
import type { RateLimit } from './caller.ts'
import { grouped } from './grouped.ts'
import { count, emptyWindow, judge, type RateVerdict, type RateWindow } from './rate-window.ts'

/**
 * Counts a request against all the limits that bind it, or, where one of them refuses it, against none.
 *
 * @returns the verdict of the tightest limit
 */
export type RateLimiter = (limits: readonly RateLimit[]) => RateVerdict | Promise<RateVerdict>

/** An idle subject's window is forgotten when more than this many were active; each has at most 61 buckets. */
const MAX_WINDOWS = 50_000

/** Counts where every process counts that shares the store. */
export function createRateLimiter(opened: Promise<{ store: Store }>): RateLimiter {
  let limiter: RateLimiter | undefined
  const chosen = opened.then(({ store }) => {
    limiter = store.kind === 'embedded' ? createMemoryLimiter() : createStoreLimiter(store.db)
    return limiter
  })
  // Whoever opens the store says what is wrong with it.
  chosen.catch(() => {})
  return (limits) => (limiter ? limiter(limits) : chosen.then((take) => take(limits)))
}

/** For a store that one process has: what it counts is all there is. Its clock is one that nobody sets. */
function createMemoryLimiter(): RateLimiter {
  const windows = new LRUCache<string, RateWindow>({ max: MAX_WINDOWS })
  return (limits) =>
    countRequest(limits, performance.now(), (subject) => {
      const known = windows.get(subject)
      if (known) return known
      const fresh = emptyWindow()
      windows.set(subject, fresh)
      return fresh
    })
}

/** For a store that many processes share: each request is counted there, by the store's clock. */
function createStoreLimiter(db: Kysely<Database>): RateLimiter {
  return grouped(async (requests: (readonly RateLimit[])[]) => {
    let verdicts: RateVerdict[] = []
    const subjects = new Set(requests.flatMap((limits) => limits.map(({ subject }) => subject)))
    await changeRateWindows<RateWindow>(db, [...subjects], (stored, nowMs) => {
      const windows = new Map([...stored].map(([subject, window]) => [subject, window ?? emptyWindow()]))
      const touched = new Map<string, RateWindow>()
      verdicts = requests.map((limits) => {
        const verdict = countRequest(limits, nowMs, (subject) => windows.get(subject)!)
        if (verdict.admitted) for (const { subject } of limits) touched.set(subject, windows.get(subject)!)
        return verdict
      })
      return touched
    })
    return verdicts
  })
}

function countRequest(
  limits: readonly RateLimit[],
  nowMs: number,
  windowOf: (subject: string) => RateWindow,
): RateVerdict {
  const verdicts = limits.map(({ subject, requestsPerMinute }) => judge(windowOf(subject), requestsPerMinute, nowMs))
  const tightest = verdicts.reduce((most, verdict) => (isTighter(verdict, most) ? verdict : most))
  if (tightest.admitted) {
    for (const { subject, requestsPerMinute } of limits) count(windowOf(subject), requestsPerMinute, nowMs)
  }
  return tightest
}

function isTighter(a: RateVerdict, b: RateVerdict): boolean {
  if (a.admitted !== b.admitted) return b.admitted
  return a.admitted ? a.remaining < b.remaining : a.retryAfterSeconds > b.retryAfterSeconds
}

export function rateLimited({ limit, retryAfterSeconds }: RateVerdict): ValenceError {
  return new ValenceError(
    'rate_limited',
    `More than ${limit} requests a minute. Try again in ${retryAfterSeconds} seconds.`,
    { retryAfterSeconds },
  )
}
