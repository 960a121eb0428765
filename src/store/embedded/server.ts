import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { lockDataDirectory } from './lock.ts'
import { createPortStream, type Session, type Socket } from './port-stream.ts'
import { type RunningThread, startThread } from './running-thread.ts'

/**
 * The embedded PostgreSQL: a data directory that is locked, and a thread that runs on it. When the thread ends, as it does where the disk is
 * full, the next session starts another, which recovers.
 */
export type EmbeddedServer = {
  /** A socket to it. Sessions follow one another: begin one only when the last has ended. */
  connect(): Socket
  /** whether there is a thread, and it is open */
  isRunning(): boolean
  /** Shuts PostgreSQL down in order and gives the data directory back. */
  close(): Promise<void>
}

/** PostgreSQL's own folder, in the data directory. */
const FOLDER = 'database'

/** Beside that folder, not in it: the folder is PostgreSQL's, and is moved away whole. */
const LOCK_FILE = 'database.lock'

/** A fault that is there every time is not met more often than this, in ms. */
const RESTART_MS = 1000

/**
 * @throws StoreError where the data directory is in use, or of another major version; what the system says where it cannot
 *   be written
 */
export async function startEmbeddedServer(dataDir: string, signal?: AbortSignal): Promise<EmbeddedServer> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const unlock = lockDataDirectory(join(dataDir, LOCK_FILE), dataDir)
  let session: { id: number; onBytes: (bytes: Uint8Array) => void; onEnd: (error: Error) => void } | undefined
  let sessions = 0
  let isClosing = false
  let thread: Promise<RunningThread> | undefined
  let isRunning = false

  async function start(whileOpening?: AbortSignal): Promise<RunningThread> {
    const events = {
      onBytes: (id: number, bytes: Uint8Array) => id === session?.id && session.onBytes(bytes),
      onEnd(error: Error) {
        const ended = session
        session = undefined
        thread = undefined
        isRunning = false
        ended?.onEnd(error)
      },
    }
    const opened = await startThread({ folder: join(dataDir, FOLDER) }, events, whileOpening)
    isRunning = true
    return opened
  }

  /** The thread, or a new one in place of one that ended: two on one folder would corrupt it. */
  function running(): Promise<RunningThread> {
    if (isClosing) throw new Error('the embedded store is closed')
    thread ??= setTimeout(RESTART_MS).then(() => start())
    return thread
  }

  async function beginSession(onBytes: (bytes: Uint8Array) => void, onEnd: (error: Error) => void): Promise<Session> {
    const { tell } = await running()
    const id = ++sessions
    // Who gives up a connection opens the next before it has closed the last.
    if (session) tell({ type: 'disconnect' })
    session = { id, onBytes, onEnd }
    return {
      send(bytes) {
        if (session?.id === id) tell({ type: 'bytes', session: id, bytes })
      },
      end() {
        if (session?.id !== id) return
        session = undefined
        tell({ type: 'disconnect' })
      },
    }
  }

  try {
    thread = start(signal)
    await thread
  } catch (error) {
    unlock()
    throw error
  }
  return {
    connect: () => createPortStream(beginSession),
    isRunning: () => isRunning,
    async close() {
      isClosing = true
      const open = await thread?.catch(() => undefined)
      await open?.close()
      unlock()
    },
  }
}
