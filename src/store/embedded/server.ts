import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { StoreError } from '../store-error.ts'
import { lockDataDirectory } from './lock.ts'
import { createPortStream, type Session, type Socket } from './port-stream.ts'
import type { FromThread, ThreadOptions, ToThread } from './protocol.ts'

/**
 * The embedded PostgreSQL: a data directory that is locked and the thread that runs on it.
 *
 * opening → open → closing → closed, or from anywhere → failed, from which it does not come back.
 */
export type EmbeddedServer = {
  /** whether the data directory was empty */
  firstStart: boolean
  /** A socket to it. Sessions follow one another: begin one only when the last has ended. */
  connect(): Socket
  /** Shuts PostgreSQL down in order and gives the data directory back. */
  close(): Promise<void>
}

/** PostgreSQL's own folder, in the data directory. */
const FOLDER = 'database'

/** Beside that folder, not in it: the folder is PostgreSQL's, and is moved away whole. */
const LOCK_FILE = 'database.lock'

/**
 * @throws StoreError where the data directory is in use, or of another major version; what the system says where it cannot
 *   be written
 */
export async function startEmbeddedServer(dataDir: string, signal?: AbortSignal): Promise<EmbeddedServer> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const unlock = lockDataDirectory(join(dataDir, LOCK_FILE), dataDir)
  const workerData: ThreadOptions = { folder: join(dataDir, FOLDER) }
  const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData })
  let session: { id: number; onBytes: (bytes: Uint8Array) => void; onEnd: (error: Error) => void } | undefined
  let sessions = 0
  let failure: Error | undefined

  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  const opened = Promise.withResolvers<{ firstStart: boolean }>()
  const closed = Promise.withResolvers<void>()

  function fail(error: Error): void {
    failure ??= error
    opened.reject(failure)
    closed.resolve()
    session?.onEnd(failure)
    session = undefined
  }
  worker.on('message', (message: FromThread) => {
    if (message.type === 'bytes') {
      if (message.session === session?.id) session.onBytes(message.bytes)
    } else if (message.type === 'open') opened.resolve(message)
    else if (message.type === 'closed') closed.resolve()
    else fail(Object.assign(new StoreError(message.message), message.code === undefined ? {} : { code: message.code }))
  })
  worker.on('error', (error) => fail(error instanceof Error ? error : new Error(String(error))))
  worker.on('exit', () => fail(new Error('the thread of the embedded store ended')))

  function tell(message: ToThread): void {
    worker.postMessage(message, message.type === 'bytes' ? [message.bytes.buffer] : [])
  }

  function beginSession(onBytes: (bytes: Uint8Array) => void, onEnd: (error: Error) => void): Session {
    const id = ++sessions
    // Who gives up a connection opens the next before it has closed the last.
    if (session && !failure) tell({ type: 'disconnect' })
    session = { id, onBytes, onEnd }
    if (failure) queueMicrotask(() => onEnd(failure!))
    return {
      send(bytes) {
        if (session?.id === id) tell({ type: 'bytes', session: id, bytes })
      },
      end() {
        if (session?.id !== id) return
        session = undefined
        if (!failure) tell({ type: 'disconnect' })
      },
    }
  }

  async function end(): Promise<void> {
    await worker.terminate()
    await exited
    unlock()
  }

  // Whatever it was doing, the folder is as it would be after a crash, which PostgreSQL is made for.
  const giveUp = () => fail(signal!.reason as Error)
  signal?.addEventListener('abort', giveUp)
  if (signal?.aborted) giveUp()
  try {
    const { firstStart } = await opened.promise
    return {
      firstStart,
      connect: () => createPortStream(beginSession),
      async close() {
        if (!failure) tell({ type: 'close' })
        await closed.promise
        await end()
      },
    }
  } catch (error) {
    await end()
    throw error
  } finally {
    signal?.removeEventListener('abort', giveUp)
  }
}
