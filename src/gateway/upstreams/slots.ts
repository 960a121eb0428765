import { ValenceError } from '../../errors.ts'

/** Bounds what is under way at once, and what waits for it. */
export type Slots = {
  /** @throws ValenceError `busy` where nothing more can wait; the signal's reason where it is aborted */
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>
}

/** As many as a request may hold texts, times a few requests. */
const MAX_WAITING = 4096

export function createSlots(maxConcurrent: number): Slots {
  const waiting = new Set<() => void>()
  let running = 0

  async function acquire(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (running < maxConcurrent) {
      running++
      return
    }
    if (waiting.size >= MAX_WAITING) {
      throw new ValenceError('busy', 'As many texts wait for this upstream as may. Try again shortly.', {
        retryAfterSeconds: 1,
      })
    }
    await new Promise<void>((resolve, reject) => {
      const start = () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      }
      const onAbort = () => {
        waiting.delete(start)
        reject(signal.reason)
      }
      waiting.add(start)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** Hands its place to the one that has waited longest. */
  function release(): void {
    const [next] = waiting
    if (next === undefined) {
      running--
      return
    }
    waiting.delete(next)
    next()
  }

  return {
    async run(signal, work) {
      await acquire(signal)
      try {
        return await work()
      } finally {
        release()
      }
    },
  }
}
