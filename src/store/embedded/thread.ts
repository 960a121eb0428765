import { parentPort, workerData } from 'node:worker_threads'
import type { PGlite } from '@electric-sql/pglite'
import { StoreError } from '../store-error.ts'
import { openCluster } from './cluster.ts'
import type { FromThread, ThreadOptions, ToThread } from './protocol.ts'

/** The thread in which the embedded PostgreSQL runs; `running-thread.ts` is its other end. */
if (!parentPort) throw new Error('store/embedded/thread.ts runs as a worker thread only')
const port = parentPort

/** Answers go out in pieces of this size, so that a long one is not here twice. */
const PIECE_BYTES = 256 * 1024

/** What a session may leave behind: an open transaction, settings, prepared statements, channels. */
const END_OF_SESSION = ['ROLLBACK', 'DISCARD ALL']

/** How PostgreSQL's log begins where it cannot start, and where it cannot go on. */
const FATAL = /(?:^|\] )(FATAL|PANIC):\s+(.*)/

/** What it says of a full disk, in the words of Emscripten's C library. */
const DISK_FULL = /No space left on device/

/** The last of its log that tells why it stopped. */
let lastWords: string | undefined

function send(message: FromThread, bytes?: Uint8Array<ArrayBuffer>): void {
  port.postMessage(message, bytes ? [bytes.buffer] : [])
}

function fail(error: unknown): void {
  const { message = String(error), code } = error as { message?: string; code?: string }
  const why = lastWords ?? message
  const isDiskFull = DISK_FULL.test(why)
  send({
    type: 'failed',
    message: why,
    isForUsers: error instanceof StoreError,
    ...(isDiskFull ? { code: 'ENOSPC' } : typeof code === 'string' ? { code } : {}),
  })
}

function hear(line: string): void {
  const [, severity, words] = FATAL.exec(line) ?? []
  if (!severity) return
  lastWords = words!
  // A server would end its process and recover. Here the call never returns, so that only whoever owns the thread can end it.
  if (severity === 'PANIC') fail(new Error(words))
}

async function answer(pg: PGlite, session: number, bytes: Uint8Array): Promise<void> {
  let pieces: Uint8Array[] = []
  let length = 0
  const flush = () => {
    if (length === 0) return
    const whole = new Uint8Array(length)
    let offset = 0
    for (const piece of pieces) {
      whole.set(piece, offset)
      offset += piece.length
    }
    pieces = []
    length = 0
    send({ type: 'bytes', session, bytes: whole }, whole)
  }
  await pg.execProtocolRawStream(bytes, {
    syncToFs: false,
    onRawData(piece) {
      // It lies in PostgreSQL's own memory, which the next write changes.
      pieces.push(piece.slice())
      length += piece.length
      if (length >= PIECE_BYTES) flush()
    },
  })
  flush()
}

async function handle(pg: PGlite, message: ToThread): Promise<void> {
  if (message.type === 'bytes') return answer(pg, message.session, message.bytes)
  if (message.type === 'disconnect') {
    for (const statement of END_OF_SESSION) await pg.exec(statement).catch(() => {})
    return
  }
  await pg.close()
  send({ type: 'closed' })
  port.close()
}

try {
  const { folder } = workerData as ThreadOptions
  const pg = await openCluster(folder, hear)
  let last: Promise<void> = Promise.resolve()
  port.on('message', (message: ToThread) => {
    last = last.then(() => handle(pg, message)).catch(fail)
  })
  send({ type: 'open' })
} catch (error) {
  fail(error)
}
