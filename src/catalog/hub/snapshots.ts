import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { repoFolder } from './cache.ts'
import { isCommitHash, isRepoId } from './names.ts'

/** A snapshot of a repository in the cache. */
export type Snapshot = {
  folder: string
  commit: string
  /** the branches and tags that were this commit when last asked */
  revisions: string[]
}

/** What people mean who name no revision. */
export const DEFAULT_REVISION = 'main'

/** Says whether a snapshot's folder has the files that the caller needs. */
export type IsComplete = (folder: string) => boolean

/** Finds a snapshot of whatever revision: that of `main`, or else the newest. */
export function findSnapshot(cacheDir: string, repo: string, isComplete: IsComplete): Snapshot | undefined {
  const complete = completeSnapshots(cacheDir, repo, isComplete)
  const isMain = (snapshot: Snapshot) => snapshot.revisions.includes(DEFAULT_REVISION)
  return complete.find(isMain) ?? complete.toSorted((a, b) => changedAt(b.folder) - changedAt(a.folder))[0]
}

/** Finds the snapshot that a branch or tag was when last asked, or of a commit. */
export function findRevision(
  cacheDir: string,
  repo: string,
  revision: string,
  isComplete: IsComplete,
): Snapshot | undefined {
  const complete = completeSnapshots(cacheDir, repo, isComplete)
  return complete.find(({ commit, revisions }) => commit === revision || revisions.includes(revision))
}

function completeSnapshots(cacheDir: string, repo: string, isComplete: IsComplete): Snapshot[] {
  if (!isRepoId(repo)) return []
  const { snapshots, refs } = repoFolder(cacheDir, repo)
  const revisions = readRefs(refs)
  return namesIn(snapshots)
    .filter(isCommitHash)
    .map((commit) => ({ folder: join(snapshots, commit), commit, revisions: revisions.get(commit) ?? [] }))
    .filter(({ folder }) => isComplete(folder))
}

/** The repositories of models that have a folder in the cache. */
export function reposInCache(cacheDir: string): string[] {
  return namesIn(cacheDir)
    .filter((name) => name.startsWith('models--'))
    .map((name) => name.slice('models--'.length).replace('--', '/'))
    .filter(isRepoId)
}

/** Branches and tags by commit; those whose names have slashes, such as refs/pr/1, lie in folders. */
function readRefs(refs: string): Map<string, string[]> {
  const byCommit = new Map<string, string[]>()
  for (const name of namesIn(refs, { recursive: true })) {
    const commit = contentOf(join(refs, name))
    if (isCommitHash(commit)) byCommit.set(commit, [...(byCommit.get(commit) ?? []), name])
  }
  return byCommit
}

function namesIn(folder: string, options: { recursive?: boolean } = {}): string[] {
  try {
    return readdirSync(folder, { ...options, encoding: 'utf8' })
  } catch {
    // It is not there, or not ours to read.
    return []
  }
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return undefined
  }
}

function changedAt(folder: string): number {
  return statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
