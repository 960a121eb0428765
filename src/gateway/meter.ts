import { randomBytes } from 'node:crypto'
import { ValenceError } from '../errors.ts'
import type { UsageRecord } from '../store/usage.ts'
import type { Segment, UsageJournal } from './usage-journal.ts'

/**
 * Meters free calls off their way: into the journal at once, and from there into the store in groups. What costs money is
 * metered by the transaction that charges it.
 */
export type Meter = {
  /** A new record's id; no other process and no other call has it. */
  newId(): string
  /** @returns the refusal, `busy`, where the store has not taken what was metered for so long that no more may wait */
  whyFull(): ValenceError | undefined
  /**
   * Resolves when the operating system has it, before which no call is answered.
   *
   * @throws Error where the disk does not take it
   */
  record(usage: UsageRecord): Promise<void>
  /** Resolves when the store has everything that was recorded before. */
  flush(): Promise<void>
  /** Takes over what processes that are gone have left, and writes to the store from now on. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** A report is at most this old; it flushes anyway. */
const FLUSH_EVERY_MS = 1000

/** What is handed to the store at once, some thousand calls. */
const MAX_SEGMENT_BYTES = 1024 * 1024

/** Segments that wait in memory as well as on the disk; more of them only where the store is in trouble. */
const MAX_IN_MEMORY = 8

/** Half a million calls, which the disk and the store can take in at leisure. */
const MAX_WAITING_BYTES = 256 * 1024 * 1024

/** What one turn of the event loop meters, which the journal gets in one write. */
type Turn = { lines: string[] } & PromiseWithResolvers<void>

/**
 * @param insert puts a JSON array of records into the store, each once however often it is handed over
 * @param onFailure told when the store does not take them; they are kept and handed over again
 */
export function createMeter({
  journal,
  insert,
  onFailure,
}: {
  journal: UsageJournal
  insert: (records: string) => Promise<void>
  onFailure: (error: unknown) => void
}): Meter {
  const self = randomBytes(8).toString('hex')
  let calls = 0
  let waiting: Segment[] = []
  let currentBytes = 0
  let turn: Turn | undefined
  let timer: NodeJS.Timeout | undefined
  let isStarted = false
  let storing: Promise<void> = Promise.resolve()
  let ending: Promise<void> | undefined

  /** Ticks come when every promise that an event has woken is as far as it gets: a pack's calls are written together. */
  function beginTurn(): Turn {
    process.nextTick(writeTurn)
    return { lines: [], ...Promise.withResolvers<void>() }
  }

  function writeTurn(): void {
    if (!turn) return
    const { lines, resolve, reject } = turn
    turn = undefined
    try {
      currentBytes += journal.append(lines)
      if (currentBytes >= MAX_SEGMENT_BYTES) cut()
      schedule()
      resolve()
    } catch (error) {
      reject(error)
    }
  }

  function cut(): void {
    const segment = journal.cut(waiting.length < MAX_IN_MEMORY)
    currentBytes = 0
    if (segment) waiting.push(segment)
  }

  async function storeWaiting(): Promise<void> {
    while (waiting.length > 0) {
      const segment = waiting[0]!
      await insert(segment.read())
      segment.remove()
      waiting = waiting.slice(1)
    }
  }

  function schedule(): void {
    if (!isStarted || timer !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      meter.flush().catch((error: unknown) => {
        onFailure(error)
        schedule()
      })
    }, FLUSH_EVERY_MS)
  }

  async function end(): Promise<void> {
    clearTimeout(timer)
    isStarted = false
    try {
      await meter.flush()
    } finally {
      journal.close()
    }
  }

  const meter: Meter = {
    newId: () => `use_${self}${(calls++).toString(36).padStart(8, '0')}`,
    whyFull() {
      const bytes = waiting.reduce((sum, segment) => sum + segment.bytes, currentBytes)
      if (bytes < MAX_WAITING_BYTES) return undefined
      return new ValenceError('busy', 'The store does not take what was metered. Try again later.', {
        retryAfterSeconds: 30,
      })
    },
    record(usage) {
      turn ??= beginTurn()
      turn.lines.push(JSON.stringify(usage))
      return turn.promise
    },
    flush() {
      writeTurn()
      cut()
      // One after another; a failure before is no reason not to try now.
      storing = storing.catch(() => {}).then(storeWaiting)
      return storing
    },
    async start() {
      waiting = [...journal.orphans(), ...waiting]
      isStarted = true
      await meter.flush()
    },
    stop() {
      // Once, however many ask: a stop may come while the start fails.
      ending ??= end()
      return ending
    },
  }
  return meter
}
