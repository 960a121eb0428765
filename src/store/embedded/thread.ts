import { parentPort, workerData } from 'node:worker_threads'
import type { PGlite } from '@electric-sql/pglite'
import { openCluster } from './cluster.ts'
import type { FromThread, ThreadOptions, ToThread } from './protocol.ts'

/** The thread in which the embedded PostgreSQL runs; `server.ts` is its other end. */
if (!parentPort) throw new Error('store/embedded/thread.ts runs as a worker thread only')
const port = parentPort

/** Answers go out in pieces of this size, so that a long one is not here twice. */
const PIECE_BYTES = 256 * 1024

/** What a session may leave behind: an open transaction, settings, prepared statements, channels. */
const END_OF_SESSION = ['ROLLBACK', 'DISCARD ALL']

function send(message: FromThread, bytes?: Uint8Array<ArrayBuffer>): void {
  port.postMessage(message, bytes ? [bytes.buffer] : [])
}

function fail(error: unknown): void {
  const { message, code } = error as { message?: string; code?: string }
  send({ type: 'failed', message: message ?? String(error), ...(typeof code === 'string' ? { code } : {}) })
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

async function endSession(pg: PGlite): Promise<void> {
  for (const statement of END_OF_SESSION) await pg.exec(statement).catch(() => {})
}

async function handle(pg: PGlite, message: ToThread): Promise<void> {
  if (message.type === 'bytes') return answer(pg, message.session, message.bytes)
  if (message.type === 'disconnect') return endSession(pg)
  await pg.close()
  send({ type: 'closed' })
  port.close()
}

try {
  const { folder } = workerData as ThreadOptions
  const { pg, firstStart } = await openCluster(folder)
  let last: Promise<void> = Promise.resolve()
  port.on('message', (message: ToThread) => {
    last = last.then(() => handle(pg, message)).catch(fail)
  })
  send({ type: 'open', firstStart })
} catch (error) {
  fail(error)
}
