import { randomBytes } from 'node:crypto'
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
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
  /**
   * @param records lines of JSON, without their ends
   * @returns how many bytes they take
   * @throws Error where the disk does not take them all; what was there before stays whole
   */
  append(records: readonly string[]): number
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
  /** the records as one JSON array; a line that is not whole belongs to a call that was not answered */
  read(): string
  /** Called when the store has it. */
  remove(): void
}

const LOCK = /^([0-9a-f]+)\.lock$/
const SEGMENT = /^([0-9a-f]+)\.\d+\.jsonl$/

/** Where the journal lies in a data directory. */
export function journalIn(dataDir: string): string {
  return join(dataDir, 'usage')
}

/** @throws Error where the folder cannot be written to */
export function openUsageJournal(folder: string): UsageJournal {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const self = randomBytes(8).toString('hex')
  const lock = lockOf(folder, self)
  let number = 0
  let current: { path: string; file: number; lines: string[]; bytes: number } | undefined

  function begin() {
    const path = join(folder, `${self}.${number++}.jsonl`)
    return { path, file: openSync(path, 'a', 0o600), lines: [] as string[], bytes: 0 }
  }

  return {
    append(records) {
      current ??= begin()
      const text = Buffer.from(`${records.join('\n')}\n`)
      const bytes = writeSync(current.file, text)
      if (bytes !== text.length) {
        ftruncateSync(current.file, current.bytes)
        throw new Error('the disk has no room for what is metered')
      }
      current.bytes += bytes
      current.lines.push(...records)
      return bytes
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

/** It has its name only once it is locked, so that nobody finds the lock of a process that lives free. */
function lockOf(folder: string, self: string): number {
  const path = join(folder, `${self}.lock`)
  const lock = openSync(`${path}.new`, 'w', 0o600)
  tryLock(lock)
  renameSync(`${path}.new`, path)
  return lock
}

/** Two processes that take over the same segments do no harm: the store takes a record once. */
function isFree(lockPath: string): boolean {
  const file = ifThere(() => openSync(lockPath, 'r+'))
  if (file === undefined) return false
  try {
    return tryLock(file)
  } finally {
    closeSync(file)
  }
}

/** Whoever took the same segment over may have been quicker, and have removed it. */
function storedSegment(path: string): Segment {
  return {
    bytes: ifThere(() => statSync(path).size) ?? 0,
    read() {
      const text = ifThere(() => readFileSync(path, 'utf8')) ?? ''
      return `[${text.split('\n').filter(isWhole).join(',')}]`
    },
    remove: () => rmSync(path, { force: true }),
  }
}

/** A disk that lost power, or was full, leaves lines that are cut short, and may leave others in their place. */
function isWhole(line: string): boolean {
  try {
    return typeof JSON.parse(line) === 'object'
  } catch {
    return false
  }
}

function ifThere<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
