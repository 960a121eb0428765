import { fsyncSync, readdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
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
 */
export function durableFiles(folder: string): NodeFS {
  const files = new NodeFS(folder)
  const init = files.init.bind(files)
  files.init = async (pg, options) => {
    const { emscriptenOpts } = await init(pg, options)
    const addFsync = (module: unknown) => {
      const { NODEFS } = module as { NODEFS: Nodefs }
      NODEFS.stream_ops.fsync = ({ nfd }) => {
        NODEFS.tryFSOperation(() => fsyncSync(nfd))
        return 0
      }
    }
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), addFsync] } }
  }
  return files
}

/** What the system is asked to put on the disk at once; its journal then takes many together. */
const SYNCS_AT_ONCE = 8

/** Puts a folder and everything in it on the disk. */
export async function syncFolder(folder: string): Promise<void> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  const paths = [folder, ...entries.map(({ parentPath, name }) => join(parentPath, name))].values()
  await Promise.all(
    Array.from({ length: SYNCS_AT_ONCE }, async () => {
      for (const path of paths) await syncPath(path)
    }),
  )
}

/** Puts one file, or a folder's list of names, on the disk. */
export async function syncPath(path: string): Promise<void> {
  // Windows syncs nothing that was opened to be read, and has no way to sync a folder.
  if (process.platform === 'win32') return
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
