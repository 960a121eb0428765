/**
 * Keeps requests from an upstream that fails, so that they lose no time there and it may recover.
 *
 * | state | lets through | turns into |
 * | --- | --- | --- |
 * | closed | everything | open, after FAILURES_TO_OPEN failures in a row |
 * | open | nothing | half_open, when its pause is over |
 * | half_open | one request | closed where that succeeds; else open, for twice the pause |
 */
export type CircuitState = 'closed' | 'open' | 'half_open'

export type CircuitBreaker = {
  state(): CircuitState
  /** @returns whether a request may go; who gets true must say how it ended */
  enter(): boolean
  succeeded(): void
  failed(): void
  /** The request ended and tells nothing: its client went away, or it asked for what cannot be done. */
  toldNothing(): void
  /** until a request may go, in ms */
  pauseLeftMs(): number
}

/** Of five in a row, hardly all are bad luck; and a dead upstream costs no more than these five their time. */
const FAILURES_TO_OPEN = 5

const FIRST_PAUSE_MS = 5_000
const LONGEST_PAUSE_MS = 60_000

export function createCircuitBreaker(now: () => number = () => performance.now()): CircuitBreaker {
  let failures = 0
  let pauseMs = 0
  let openUntil = 0
  let probing = false

  const isOpen = () => pauseMs > 0

  function open(): void {
    pauseMs = Math.min(isOpen() ? 2 * pauseMs : FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    openUntil = now() + pauseMs
  }

  return {
    state: () => (!isOpen() ? 'closed' : now() < openUntil ? 'open' : 'half_open'),
    enter() {
      if (!isOpen()) return true
      if (probing || now() < openUntil) return false
      probing = true
      return true
    },
    succeeded() {
      failures = 0
      pauseMs = 0
      probing = false
    },
    failed() {
      failures++
      // Those that were under way when it opened say nothing new.
      if (probing || (!isOpen() && failures >= FAILURES_TO_OPEN)) open()
      probing = false
    },
    toldNothing() {
      probing = false
    },
    pauseLeftMs: () => (isOpen() ? Math.max(0, openUntil - now()) : 0),
  }
}
