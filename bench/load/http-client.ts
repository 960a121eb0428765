import { Buffer } from 'node:buffer'
import { connect, type Socket } from 'node:net'

/** One kept-alive connection that sends a request at a time: a few microseconds each, so that it takes little of the cores. */
export type Connection = {
  /** @param request all of its bytes; @throws Error where the connection breaks or the answer is no HTTP/1.1 of known length */
  send(request: Buffer): Promise<Answer>
  close(): void
}

export type Answer = {
  status: number
  /** everything before the body, as it came */
  head: string
}

const HEAD_END = Buffer.from('\r\n\r\n')
/** Far above any answer to one text; beyond it something is wrong. */
const MOST_BYTES = 1 << 20

export function openConnection(url: URL): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(connectionOver(socket))
    })
  })
}

function connectionOver(socket: Socket): Connection {
  let received = Buffer.alloc(0)
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined

  function fail(error: Error): void {
    waiting?.reject(error)
    waiting = undefined
    socket.destroy()
  }

  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    if (received.length > MOST_BYTES) return fail(new Error('the answer is too long'))
    const headEnd = received.indexOf(HEAD_END)
    if (headEnd < 0) return
    const head = received.toString('latin1', 0, headEnd)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    if (length === undefined) return fail(new Error(`the answer does not say its length:\n${head}`))
    const end = headEnd + HEAD_END.length + Number(length)
    if (received.length < end) return
    received = received.subarray(end)
    const answered = waiting
    waiting = undefined
    // HTTP/1.1 200 OK
    answered?.resolve({ status: Number(head.slice(9, 12)), head })
  })
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('the server closed the connection')))

  return {
    send(request) {
      return new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new Error('the connection is closed'))
        waiting = { resolve, reject }
        socket.write(request)
      })
    },
    close: () => socket.destroy(),
  }
}

/** The value of a header in an answer's head. */
export function headerOf(head: string, name: string): string | undefined {
  return new RegExp(`\\r\\n${name}: *([^\\r]*)`, 'i').exec(head)?.[1]
}
