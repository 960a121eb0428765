import { randomBytes } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { tryLock } from 'fs-native-extensions'

/**
 * Where calls are metered before the store has them: files of one JSON record a line, in the data folder.
 *
 * A record is handed to the operating system before its call is answered, so that a process that is killed loses none
 * that anybody was told of. Each process writes segments of its own, `<process>.<number>.jsonl`, and holds a lock as long as
 * it lives; the next process to start takes over the segments of those whose lock is free.
 */
export type UsageJournal = {
  /** @param record one line of JSON, without its end */
  append(record: string): void
  /**
   * Closes the segment that is written to, and hands it over to be stored; undefined where it is empty.
   *
   * @param keep whether its records stay in memory, where they are read at once
   */
  cut(keep: boolean): Segment | undefined
  /** Segments of processes that are gone. */
  orphans(): Segment[]
  close(): void
}

export type Segment = {
  bytes: number
  /** the records as one JSON array; a last line that was cut short belongs to a call that was not answered */
  read(): string
  /** Called when the store has it. */
  remove(): void
}

const LOCK = /^([0-9a-f]+)\.lock$/
const SEGMENT = /^([0-9a-f]+)\.\d+\.jsonl$/

/** @throws Error where the folder cannot be written to */
export function openUsageJournal(folder: string): UsageJournal {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const self = randomBytes(8).toString('hex')
  const lock = openSync(join(folder, `${self}.lock`), 'w', 0o600)
  tryLock(lock)
  let number = 0
  let current: { path: string; file: number; lines: string[]; bytes: number } | undefined

  function begin() {
    const path = join(folder, `${self}.${number++}.jsonl`)
    return { path, file: openSync(path, 'a', 0o600), lines: [] as string[], bytes: 0 }
  }

  return {
    append(record) {
      current ??= begin()
      current.bytes += writeSync(current.file, `${record}\n`)
      current.lines.push(record)
    },
    cut(keep) {
      if (!current) return undefined
      const { path, file, lines, bytes } = current
      current = undefined
      closeSync(file)
      if (!keep) return storedSegment(path)
      return { bytes, read: () => `[${lines.join(',')}]`, remove: () => rmSync(path, { force: true }) }
    },
    orphans() {
      const names = readdirSync(folder)
      const gone = names.flatMap((name) => {
        const owner = LOCK.exec(name)?.[1]
        return owner !== undefined && owner !== self && isFree(join(folder, name)) ? [owner] : []
      })
      const segments = names.filter((name) => gone.includes(SEGMENT.exec(name)?.[1] ?? ''))
      for (const owner of gone) {
        if (!segments.some((name) => name.startsWith(owner))) rmSync(join(folder, `${owner}.lock`), { force: true })
      }
      return segments.map((name) => storedSegment(join(folder, name)))
    },
    close() {
      if (current) closeSync(current.file)
      closeSync(lock)
      rmSync(join(folder, `${self}.lock`), { force: true })
    },
  }
}

/** Two processes that take over the same segments do no harm: the store takes a record once. */
function isFree(lockPath: string): boolean {
  const file = openSync(lockPath, 'r+')
  try {
    return tryLock(file)
  } finally {
    closeSync(file)
  }
}

function storedSegment(path: string): Segment {
  return {
    bytes: statSync(path).size,
    read() {
      const text = readFileSync(path, 'utf8')
      const whole = text.slice(0, text.lastIndexOf('\n') + 1)
      return `[${whole.split('\n').filter(Boolean).join(',')}]`
    },
    remove: () => rmSync(path, { force: true }),
  }
}
