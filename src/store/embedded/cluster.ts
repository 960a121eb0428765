import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { StoreError } from '../store-error.ts'
import { durableFiles, syncFolder, syncPath } from './durable-files.ts'

/** PGlite's PostgreSQL. A folder that another major version wrote cannot be read by it. */
const EMBEDDED_MAJOR = '18'

/**
 * PostgreSQL's settings. PGlite's own are these without the lines on durability and size, and with -F, which turns fsync off.
 */
const SETTINGS = {
  search_path: 'public',
  exit_on_error: 'false',
  log_checkpoints: 'false',
  max_worker_processes: '0',
  max_parallel_workers: '0',
  max_parallel_workers_per_gather: '0',
  max_parallel_maintenance_workers: '0',
  io_method: 'sync',
  // Durability: a commit is answered when it is on the disk.
  fsync: 'on',
  wal_sync_method: 'fsync',
  full_page_writes: 'on',
  // Size: the whole lives in this process, beside the models. What it does not hold, the system's page cache does.
  shared_buffers: '16MB',
  // Kept ready between checkpoints; maintenance.ts makes the checkpoints.
  min_wal_size: '2MB',
  max_wal_size: '16MB',
}

/** One segment is the least that the log takes, and is written whole when it is made. */
const WAL_SEGMENT_MEGABYTES = 1

/**
 * Databases that others are made from, and here none is. Without them the folder has a third of the files, which a start after a crash puts on the
 * disk one by one; and nobody would vacuum them, while the age of their rows counts.
 */
const TEMPLATES = ['template0', 'template1']

/**
 * Opens PostgreSQL on its folder, which it makes where there is none.
 *
 * @param onLog told each line of PostgreSQL's log
 * @throws StoreError where another major version wrote the folder
 */
export async function openCluster(folder: string, onLog: (line: string) => void): Promise<PGlite> {
  if (existsSync(folder)) refuseOtherMajor(folder)
  else await makeCluster(folder, onLog)
  return start(folder, onLog)
}

/**
 * Makes the folder under another name, puts it on the disk and renames it: a process that is killed on the way leaves nothing
 * that looks like a store.
 */
async function makeCluster(folder: string, onLog: (line: string) => void): Promise<void> {
  const unfinished = `${folder}.unfinished`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true, mode: 0o700 })
  const pg = await start(unfinished, onLog)
  for (const name of TEMPLATES) {
    await pg.exec(`alter database ${name} with is_template false`)
    await pg.exec(`drop database ${name}`)
  }
  await pg.close()
  // PGlite leaves its files open to all; the folder is not.
  chmodSync(unfinished, 0o700)
  await syncFolder(unfinished)
  renameSync(unfinished, folder)
  await syncPath(dirname(folder))
}

function start(folder: string, onLog: (line: string) => void): Promise<PGlite> {
  return PGlite.create({
    fs: durableFiles(folder),
    onStderr(line) {
      onLog(line)
      return false
    },
    startParams: [
      '--single',
      '-O',
      '-j',
      ...Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    initDbStartParams: [`--wal-segsize=${WAL_SEGMENT_MEGABYTES}`],
  })
}

function refuseOtherMajor(folder: string): void {
  const file = join(folder, 'PG_VERSION')
  const major = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
  if (major === undefined) throw new StoreError(`${folder} is there, but is no folder of PostgreSQL's.`)
  if (major === EMBEDDED_MAJOR) return
  throw new StoreError(
    `${folder} was written by PostgreSQL ${major}; this Valence has ${EMBEDDED_MAJOR} and cannot read it. ` +
      'Run `valence db dump` with the Valence that wrote it, move the folder away, and run `valence db restore` with this one.',
  )
}
