import { setTimeout } from 'node:timers/promises'
import { asValenceError, type ErrorCode } from '../../errors.ts'
import type { LineCall, Operation, Operations } from './operations.ts'

/** What came of a line: what its own request would have been answered with. */
export type Outcome = { status: number; body: unknown; inputTokens: number; outputTokens: number }

/** What passes when interactive traffic does; the line waits its turn. */
const LATER: ReadonlySet<ErrorCode> = new Set(['busy', 'rate_limited'])

/** What takes longer than the line should wait in its place. */
const MUCH_LATER: ReadonlySet<ErrorCode> = new Set(['shutting_down', 'model_loading'])

/** What the line's next try may not meet again. */
const PERHAPS: ReadonlySet<ErrorCode> = new Set(['internal', 'timed_out', 'upstream_failed'])

/** A line waits for a full queue this long before its batch gives way to another: 20 pauses of 100 ms. */
const MAX_WAITS = 20
const PAUSE_MS = 100

/** A fault that three tries meet is the line's answer. */
const MAX_TRIES = 3

/**
 * Runs a line until there is an answer that will stay.
 *
 * @returns undefined where the server had no place for it: the line is to be run again later
 * @throws the signal's reason where it is aborted
 */
export async function runLine(
  operation: Operation,
  body: Record<string, unknown>,
  call: LineCall,
  { isQuiet, renderError }: { isQuiet: () => boolean; renderError: Operations['renderError'] },
): Promise<Outcome | undefined> {
  for (let waits = 0, tries = 1; ; ) {
    try {
      return { status: 200, ...(await operation.run(body, call)) }
    } catch (thrown) {
      call.signal.throwIfAborted()
      const error = asValenceError(thrown)
      if (MUCH_LATER.has(error.code)) return undefined
      // Others went before it for all of its time, which says nothing of the line.
      if (error.code === 'timed_out' && !isQuiet()) return undefined
      if (LATER.has(error.code)) {
        waits += 1
        if (waits > MAX_WAITS) return undefined
      } else {
        tries += 1
        if (!PERHAPS.has(error.code) || tries > MAX_TRIES) {
          return { ...renderError(error), inputTokens: 0, outputTokens: 0 }
        }
      }
      await setTimeout(PAUSE_MS, undefined, { signal: call.signal })
    }
  }
}
