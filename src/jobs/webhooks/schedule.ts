const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/**
 * How long to wait before each try, in ms: the first at once, the tenth some 75 hours later. A receiver that restarts is
 * reached within seconds, one that breaks on a Friday evening is reached on Monday.
 */
const DELAYS_MS = [
  0,
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]

/** The share of a delay by which it may be shorter or longer, so that what failed together is not tried together again. */
const JITTER = 0.1

/**
 * How long to wait for the next try, in ms.
 *
 * @param tries how many there were
 * @returns undefined after the last
 */
export function delayBeforeNextTryMs(tries: number, random: () => number = Math.random): number | undefined {
  const delayMs = DELAYS_MS[tries]
  if (delayMs === undefined) return undefined
  return Math.round(delayMs * (1 + JITTER * (2 * random() - 1)))
}
