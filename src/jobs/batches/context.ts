import type { Store } from '../../store/store.ts'
import type { Contents } from '../files/contents.ts'
import type { Queue } from '../queue.ts'
import type { Operations } from './operations.ts'

/** What batches work with. */
export type BatchContext = {
  store: Store
  contents: Contents
  queue: Queue
  operations: Operations
  /** what the body of a request may have at most */
  maxLineBytes: number
  /** whether no interactive traffic waits */
  isQuiet: () => boolean
}
