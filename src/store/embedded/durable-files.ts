import { closeSync, fsyncSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { NodeFS } from '@electric-sql/pglite/nodefs'

/** What Emscripten calls when PostgreSQL asks for fsync, and how it turns Node's errors into PostgreSQL's. */
type Nodefs = {
  stream_ops: { fsync?: (stream: { nfd: number }) => number }
  tryFSOperation<T>(operation: () => T): T
}

/**
 * The files of a folder, for PGlite, with the one operation that its own NODEFS lacks: without it `fsync` succeeds and does
 * nothing, and a commit that was acknowledged is gone when the machine loses power.
 *
 * @param onFsync told of each, for whoever counts
 */
export function durableFiles(folder: string, onFsync: () => void = () => {}): NodeFS {
  const files = new NodeFS(folder)
  const init = files.init.bind(files)
  files.init = async (pg, options) => {
    const { emscriptenOpts } = await init(pg, options)
    const addFsync = (module: unknown) => {
      const { NODEFS } = module as { NODEFS: Nodefs }
      NODEFS.stream_ops.fsync = ({ nfd }) => {
        NODEFS.tryFSOperation(() => fsyncSync(nfd))
        onFsync()
        return 0
      }
    }
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), addFsync] } }
  }
  return files
}

/** Puts a folder and everything in it on the disk. */
export function syncFolder(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) syncFolder(path)
    else syncPath(path)
  }
  syncPath(folder)
}

/** Puts one file, or a folder's list of names, on the disk. */
export function syncPath(path: string): void {
  // Windows has no way to sync a folder, and does not need one.
  if (process.platform === 'win32') return
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
