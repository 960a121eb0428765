import { setTimeout } from 'node:timers/promises'
import { HubError } from './errors.ts'

/** With the pauses below a server has some ten seconds to recover. */
const MAX_TRIES = 5
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 8000

/** The Hub's limits reset every five minutes; whoever asks for more than that is told no. */
const LONGEST_RETRY_AFTER_MS = 300_000

/**
 * Tries until it works, at most five times in a row without progress, with growing pauses between, or as long as the
 * server says.
 *
 * @param attempt may call `progressed` where it got on, so that a long download over a bad line is not given up
 * @throws whatever the last try threw; at once what is not transient, and the signal's reason where it is aborted
 */
export async function withRetries<T>(attempt: (progressed: () => void) => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries++) {
    signal.throwIfAborted()
    try {
      return await attempt(() => {
        tries = 0
      })
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof HubError) || !error.transient || tries >= MAX_TRIES) throw error
      const pauseMs = pauseBefore(tries, error.retryAfterMs)
      if (pauseMs > LONGEST_RETRY_AFTER_MS) throw error
      await setTimeout(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }
}

/** Half of the pause is drawn by chance, so that many clients of a server that failed do not come back as one. */
function pauseBefore(tries: number, askedMs: number | undefined): number {
  if (askedMs !== undefined) return askedMs
  const full = Math.min(FIRST_PAUSE_MS * 2 ** Math.max(0, tries - 1), LONGEST_PAUSE_MS)
  return full * (0.5 + Math.random() / 2)
}
