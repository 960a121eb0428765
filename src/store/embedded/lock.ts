import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { tryLock } from 'fs-native-extensions'
import { StoreError } from '../store-error.ts'

/**
 * Takes the lock of a data directory. PGlite takes none, and two processes on one folder corrupt it. The system lets go of it
 * when the process ends, however it ends.
 *
 * @returns lets go of it
 * @throws StoreError that names the process that holds it
 */
export function lockDataDirectory(file: string, dataDir: string): () => void {
  const descriptor = openSync(file, 'a+', 0o600)
  try {
    if (!tryLock(descriptor)) throw inUse(file, dataDir)
    ftruncateSync(descriptor)
    writeSync(descriptor, `${process.pid}\n`)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  return () => closeSync(descriptor)
}

function inUse(file: string, dataDir: string): StoreError {
  const holder = /^\d+$/.exec(contents(file).trim())?.[0]
  return new StoreError(
    `${dataDir} is in use by ${holder === undefined ? 'another process' : `process ${holder}`}. ` +
      'Only one process can have an embedded store: stop the other one, give this one its own --data-dir, or set DATABASE_URL to let several share a PostgreSQL.',
  )
}

function contents(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // Where locks are mandatory, nobody else reads it.
    return ''
  }
}
