import { randomUUID } from 'node:crypto'
import { copyFile, mkdir, readlink, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'

/**
 * Where Python's `huggingface_hub` keeps a repository's files:
 *
 *     models--org--name/blobs/<hash>                  the contents
 *     models--org--name/snapshots/<commit>/<path>     → ../../blobs/<hash>
 *     models--org--name/refs/<branch or tag>          the commit that it was when last asked
 *     .locks/models--org--name/<hash>.lock            held by whoever fetches that blob
 */
export type RepoFolder = {
  blob(hash: string): string
  /** what has come of a blob so far */
  partial(hash: string): string
  lock(hash: string): string
  snapshot(commit: string): string
  refs: string
  snapshots: string
}

/** @param repo a checked id (`isRepoId`) */
export function repoFolder(cacheDir: string, repo: string): RepoFolder {
  const name = `models--${repo.split('/').join('--')}`
  const folder = join(cacheDir, name)
  return {
    blob: (hash) => join(folder, 'blobs', hash),
    partial: (hash) => join(folder, 'blobs', `${hash}.incomplete`),
    lock: (hash) => join(cacheDir, '.locks', name, `${hash}.lock`),
    snapshot: (commit) => join(folder, 'snapshots', commit),
    refs: join(folder, 'refs'),
    snapshots: join(folder, 'snapshots'),
  }
}

/** The size of a file in bytes; undefined where there is none. */
export async function fileBytes(path: string): Promise<number | undefined> {
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return stats?.isFile() ? stats.size : undefined
}

/** Makes a snapshot's file point to its blob; whatever stood there is replaced at once. */
export async function linkToBlob(blob: string, pointer: string): Promise<void> {
  const target = relative(dirname(pointer), blob)
  if ((await readlink(pointer).catch(() => undefined)) === target) return
  await mkdir(dirname(pointer), { recursive: true })
  const fresh = `${pointer}.${randomUUID()}.tmp`
  // Windows lets only some users make links; the cache then holds the file twice, as Python's does.
  await symlink(target, fresh).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPERM') throw error
    return copyFile(blob, fresh)
  })
  await rename(fresh, pointer)
}

/** Notes which commit a branch or tag is. */
export async function writeRef(folder: RepoFolder, revision: string, commit: string): Promise<void> {
  if (revision === commit) return
  const path = join(folder.refs, ...revision.split('/'))
  await mkdir(dirname(path), { recursive: true })
  const fresh = `${path}.${randomUUID()}.tmp`
  await writeFile(fresh, commit)
  await rename(fresh, path).catch(async (error) => {
    await rm(fresh, { force: true })
    throw error
  })
}
