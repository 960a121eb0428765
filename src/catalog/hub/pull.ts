import { fileBytes, linkToBlob, type RepoFolder, repoFolder, writeRef } from './cache.ts'
import { download } from './download.ts'
import { asDiskError, HubError } from './errors.ts'
import { createHubClient, type HubClient } from './http.ts'
import { lock } from './lock.ts'
import { isRepoId, isRevision } from './names.ts'
import type { HubOptions } from './options.ts'
import { type FileFacts, fileAddress, readFileFacts, readRevision } from './repository.ts'

/** What to bring of a repository. */
export type Wanted = {
  /** `org/name` */
  repo: string
  /** a branch, a tag or a commit */
  revision: string
  /**
   * @param paths the files of the repository, safe to be used as paths
   * @returns those of them that are to come
   * @throws HubError where they are not enough to be of use
   */
  choose: (paths: readonly string[]) => readonly string[]
  /** told of the id that the Hub has for the repository, before anything is fetched; what it throws ends the pull */
  onNamed?: ((id: string) => void) | undefined
  /** the most that the files may have together; without it the disk decides */
  maxBytes?: number | undefined
}

/** How far a pull is, over all its files. */
export type Progress = { bytes: number; totalBytes: number }

export type PullHandlers = { onProgress: (progress: Progress) => void; signal: AbortSignal }

/** A snapshot that is here whole. */
export type Pulled = { folder: string; commit: string; files: string[]; totalBytes: number; fetchedBytes: number }

/**
 * Brings files of a repository into the cache, those that are not there yet.
 *
 * A branch's ref moves to the new commit only when all files are here, so a snapshot that was whole stays in use until
 * then.
 *
 * @throws HubError; the signal's reason where it is aborted: what has come is kept, and the next pull goes on from there
 */
export async function pull(wanted: Wanted, options: HubOptions, { onProgress, signal }: PullHandlers): Promise<Pulled> {
  const { repo, revision } = wanted
  if (!isRepoId(repo))
    throw new HubError('repo_not_found', `${JSON.stringify(repo)} is no id of a repository; it is org/name.`)
  if (!isRevision(revision)) throw new HubError('revision_not_found', `${JSON.stringify(revision)} is no revision.`)
  if (options.offline) throw new HubError('offline', `${repo} cannot be fetched: Valence is told to stay offline.`)
  const client = createHubClient(options)
  try {
    return await pullWith(client, wanted, repoFolder(options.cacheDir, repo), onProgress, signal)
  } catch (error) {
    throw asDiskError(error, options.cacheDir)
  } finally {
    client.close()
  }
}

async function pullWith(
  client: HubClient,
  { repo, revision, choose, onNamed, maxBytes = Number.POSITIVE_INFINITY }: Wanted,
  folder: RepoFolder,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Pulled> {
  const { id = repo, commit, files } = await readRevision(client, repo, revision, signal)
  onNamed?.(id)
  const paths = choose(files)
  const facts: FileFacts[] = []
  for (const path of paths) facts.push(await readFileFacts(client, repo, commit, path, signal))

  const totalBytes = facts.reduce((sum, file) => sum + file.bytes, 0)
  if (totalBytes > maxBytes)
    throw new HubError('too_large', `${repo} has ${totalBytes} bytes of files; at most ${maxBytes} are fetched.`)
  let doneBytes = 0
  let fetchedBytes = 0
  for (const file of facts) {
    const onBytes = (bytes: number) => onProgress({ bytes: doneBytes + bytes, totalBytes })
    if (await bring(client, repo, commit, file, folder, onBytes, signal)) fetchedBytes += file.bytes
    doneBytes += file.bytes
    onProgress({ bytes: doneBytes, totalBytes })
  }
  await writeRef(folder, revision, commit)
  return { folder: folder.snapshot(commit), commit, files: [...paths], totalBytes, fetchedBytes }
}

/** @returns whether the file had to be fetched */
async function bring(
  client: HubClient,
  repo: string,
  commit: string,
  { path, hash, bytes }: FileFacts,
  folder: RepoFolder,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const blob = folder.blob(hash.hex)
  const isHere = async () => (await fileBytes(blob)) === bytes
  let fetched = false
  if (!(await isHere())) {
    const release = await lock(folder.lock(hash.hex), signal)
    try {
      // Whoever had the lock before may have brought it.
      if (!(await isHere())) {
        const address = fileAddress(repo, commit, path)
        await download(
          client,
          { repo, commit, path, address, bytes, hash, partial: folder.partial(hash.hex), blob },
          onBytes,
          signal,
        )
        fetched = true
      }
    } finally {
      await release()
    }
  }
  await linkToBlob(blob, `${folder.snapshot(commit)}/${path}`)
  return fetched
}
