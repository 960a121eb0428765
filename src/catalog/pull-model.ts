import type { HubOptions } from './hub/options.ts'
import { type Pulled, type PullHandlers, pull } from './hub/pull.ts'
import { findRevision } from './hub/snapshots.ts'
import { filesIn, folderBytes, isCompleteFolder, wantedFiles } from './wanted-files.ts'

/**
 * Brings the files of a text classifier from the Hub into the cache; offline, it is content with what is there.
 *
 * @param repo `org/name`
 * @throws HubError; the signal's reason where it is aborted
 */
export function pullModel(repo: string, revision: string, hub: HubOptions, handlers: PullHandlers): Promise<Pulled> {
  const here = hub.offline ? alreadyHere(repo, revision, hub.cacheDir) : undefined
  if (here) return Promise.resolve(here)
  return pull({ repo, revision, choose: (paths) => wantedFiles(repo, paths) }, hub, handlers)
}

function alreadyHere(repo: string, revision: string, cacheDir: string): Pulled | undefined {
  const snapshot = findRevision(cacheDir, repo, revision, isCompleteFolder)
  if (!snapshot) return undefined
  const { folder, commit } = snapshot
  const files = wantedFiles(repo, filesIn(folder))
  return { folder, commit, files, totalBytes: folderBytes(folder), fetchedBytes: 0 }
}
