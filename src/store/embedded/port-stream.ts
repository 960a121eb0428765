import { Duplex } from 'node:stream'

/** What `pg` wants of a socket. */
export type Socket = Duplex & {
  connect(): Socket
  setNoDelay(): Socket
  setKeepAlive(): Socket
  ref(): Socket
  unref(): Socket
}

/** The other end of a socket of ours: how the bytes of one session go to the embedded PostgreSQL. */
export type Session = {
  send(bytes: Uint8Array<ArrayBuffer>): void
  end(): void
}

/**
 * A socket that leads to the embedded PostgreSQL.
 *
 * @param begin begins a session; it gives what PostgreSQL says to `onBytes`, and calls `onEnd` where it stops for good
 */
export function createPortStream(
  begin: (onBytes: (bytes: Uint8Array) => void, onEnd: (error: Error) => void) => Promise<Session>,
): Socket {
  let session: Session | undefined
  const stream = new Duplex({
    read() {},
    writev(chunks, done) {
      // What pg writes in one go, such as parse, bind and execute, is one message and one answer.
      const bytes = new Uint8Array(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)))
      session?.send(bytes)
      done()
    },
    final(done) {
      done()
      stream.push(null)
    },
    destroy(error, done) {
      session?.end()
      session = undefined
      done(error)
    },
  })
  const socket: Socket = Object.assign(stream, {
    connect() {
      const onEnd = (error: Error) => void stream.destroy(error)
      begin((bytes) => stream.push(bytes), onEnd).then((begun) => {
        if (stream.destroyed) return begun.end()
        session = begun
        stream.emit('connect')
      }, onEnd)
      return socket
    },
    setNoDelay: () => socket,
    setKeepAlive: () => socket,
    ref: () => socket,
    unref: () => socket,
  })
  return socket
}
