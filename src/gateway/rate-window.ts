/**
 * How many requests a subject sent in the last minute, in buckets of a second.
 *
 * The rule, for a limit of N requests a minute:
 * - fewer than N in the last 60 s: admitted;
 * - from N on, up to 2 N: admitted while a burst is open. A burst opens with the request that goes over N, lasts 10 s,
 *   and can open once in two minutes, so that what it took is paid back;
 * - otherwise refused. A refused request counts for nothing.
 *
 * A bucket leaves when its whole second is 60 s old, so that no 60 s, wherever they begin, hold more than the rule allows.
 */
export type RateWindow = {
  /** oldest first, none empty */
  buckets: { second: number; count: number }[]
  /** the second in which the last burst opened */
  burstOpenedAt: number | null
}

/** What the rule says of one request. */
export type RateVerdict = {
  admitted: boolean
  /** requests a minute */
  limit: number
  /** how many more, after this one, would be admitted now without a burst */
  remaining: number
  /** seconds until the oldest request no longer counts */
  resetSeconds: number
  /** where it was refused, seconds until one would be admitted */
  retryAfterSeconds: number
}

const WINDOW_SECONDS = 60
const BURST_FACTOR = 2
const BURST_SECONDS = 10
const BURST_AGAIN_SECONDS = 120

export function emptyWindow(): RateWindow {
  return { buckets: [], burstOpenedAt: null }
}

/** Judges one request without counting it. A clock that went back is taken to stand still. */
export function judge(window: RateWindow, limit: number, nowMs: number): RateVerdict {
  const now = Math.max(secondOf(nowMs), window.buckets.at(-1)?.second ?? 0)
  const count = countAt(window, now)
  const admitted = mayPass(window, limit, now, count)
  const oldest = window.buckets.find(({ second }) => counts(second, now))
  return {
    admitted,
    limit,
    remaining: Math.max(0, limit - count - (admitted ? 1 : 0)),
    resetSeconds: Math.min(WINDOW_SECONDS, (oldest?.second ?? now) + WINDOW_SECONDS + 1 - now),
    retryAfterSeconds: admitted ? 0 : Math.min(WINDOW_SECONDS, secondsUntilAdmitted(window, limit, now)),
  }
}

/** Counts one request that was admitted. */
export function count(window: RateWindow, limit: number, nowMs: number): void {
  const last = window.buckets.at(-1)
  const now = Math.max(secondOf(nowMs), last?.second ?? 0)
  if (countAt(window, now) >= limit && !isBurstOpen(window, now)) window.burstOpenedAt = now
  if (last?.second === now) last.count++
  else window.buckets.push({ second: now, count: 1 })
  while (!counts(window.buckets[0]!.second, now)) window.buckets.shift()
}

function mayPass(window: RateWindow, limit: number, now: number, countNow: number): boolean {
  if (countNow < limit) return true
  if (countNow >= BURST_FACTOR * limit) return false
  return isBurstOpen(window, now) || canBurstOpen(window, now)
}

function isBurstOpen({ burstOpenedAt }: RateWindow, now: number): boolean {
  return burstOpenedAt !== null && now < burstOpenedAt + BURST_SECONDS
}

function canBurstOpen({ burstOpenedAt }: RateWindow, now: number): boolean {
  return burstOpenedAt === null || now >= burstOpenedAt + BURST_AGAIN_SECONDS
}

function secondsUntilAdmitted(window: RateWindow, limit: number, now: number): number {
  let seconds = 1
  // When the window has passed nothing counts any more, so this ends.
  while (!mayPass(window, limit, now + seconds, countAt(window, now + seconds))) seconds++
  return seconds
}

function countAt({ buckets }: RateWindow, now: number): number {
  return buckets.reduce((sum, bucket) => (counts(bucket.second, now) ? sum + bucket.count : sum), 0)
}

function counts(second: number, now: number): boolean {
  return second >= now - WINDOW_SECONDS
}

function secondOf(ms: number): number {
  return Math.floor(ms / 1000)
}
