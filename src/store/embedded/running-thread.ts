import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { StoreError } from '../store-error.ts'
import type { FromThread, ThreadOptions, ToThread } from './protocol.ts'

/** The thread of the embedded PostgreSQL: starting → open → closing → ended, and from each of them → ended with an error. */
export type RunningThread = {
  tell(message: ToThread): void
  /** Shuts PostgreSQL down in order; one that does not answer is ended. */
  close(): Promise<void>
}

export type ThreadEvents = {
  onBytes: (session: number, bytes: Uint8Array) => void
  /** told once the thread is gone, of whatever it ended */
  onEnd: (error: Error) => void
}

/** A checkpoint at the end takes this long at most, in ms; after it the next start recovers, as after a crash. */
const CLOSE_WITHIN_MS = 3000

/**
 * PostgreSQL is the one large WebAssembly program here, and it is not to be optimised: that takes 0.6 GB and seconds of both cores at every
 * start, and its short statements are none the faster for it (decision 11). Together these are V8's `--liftoff-only`, which can only be
 * said before Node starts, and then makes it compile its own modules anew.
 */
const FLAGS_AGAINST_OPTIMISING = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering']

/**
 * @throws StoreError, or what the system says where the folder cannot be used
 */
export async function startThread(
  options: ThreadOptions,
  { onBytes, onEnd }: ThreadEvents,
  signal?: AbortSignal,
): Promise<RunningThread> {
  for (const flag of FLAGS_AGAINST_OPTIMISING) setFlagsFromString(flag)
  const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: options })
  const opened = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  let failure: Error | undefined

  function fail(error: Error): void {
    failure ??= error
    opened.reject(failure)
    // One that has broken off never comes back by itself.
    void worker.terminate()
  }
  worker.on('message', (message: FromThread) => {
    if (message.type === 'bytes') onBytes(message.session, message.bytes)
    else if (message.type === 'open') opened.resolve()
    else if (message.type === 'closed') closed.resolve()
    else fail(errorFrom(message))
  })
  worker.on('error', (error) => fail(error instanceof Error ? error : new Error(String(error))))
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      fail(new Error('the embedded store is closed'))
      closed.resolve()
      onEnd(failure!)
      resolve()
    })
  })

  // Whatever it was doing, the folder is as it would be after a crash, which PostgreSQL is made for.
  const giveUp = () => fail(signal!.reason as Error)
  signal?.addEventListener('abort', giveUp)
  if (signal?.aborted) giveUp()
  try {
    await opened.promise
  } catch (error) {
    await exited
    throw error
  } finally {
    signal?.removeEventListener('abort', giveUp)
  }

  function tell(message: ToThread): void {
    worker.postMessage(message, message.type === 'bytes' ? [message.bytes.buffer] : [])
  }
  return {
    tell,
    async close() {
      tell({ type: 'close' })
      const timer = setTimeout(closed.resolve, CLOSE_WITHIN_MS)
      await closed.promise
      clearTimeout(timer)
      await worker.terminate()
      await exited
    },
  }
}

function errorFrom({ message, isForUsers, code }: FromThread & { type: 'failed' }): Error {
  const error = isForUsers ? new StoreError(message) : new Error(`the embedded store stopped: ${message}`)
  return Object.assign(error, code === undefined ? {} : { code })
}
