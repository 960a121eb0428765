/**
 * What the store and the thread of the embedded PostgreSQL say to each other.
 *
 * Once it is open, the thread is what a server's socket would be: PostgreSQL's own wire protocol goes over the port as bytes, so
 * that one client library, its types and its errors serve both stores. PostgreSQL in one process has one session at a time; its
 * bytes carry its number, so that what is left of an old one is not taken for an answer to the next.
 */
export type ToThread =
  /** whole messages of the wire protocol */
  | { type: 'bytes'; session: number; bytes: Uint8Array<ArrayBuffer> }
  /** the session is over, and leaves nothing behind */
  | { type: 'disconnect' }
  /** shut PostgreSQL down in order, and end */
  | { type: 'close' }

export type FromThread =
  | { type: 'open' }
  | { type: 'bytes'; session: number; bytes: Uint8Array<ArrayBuffer> }
  | { type: 'closed' }
  /** it cannot be opened, or it broke off and is to be ended; `isForUsers` where the message says what to do */
  | { type: 'failed'; message: string; isForUsers: boolean; code?: string }

/** What the thread is given when it starts. */
export type ThreadOptions = {
  /** PostgreSQL's own folder */
  folder: string
}
