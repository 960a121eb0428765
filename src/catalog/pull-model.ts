import type { HubOptions } from './hub/options.ts'
import { type Pulled, type PullHandlers, pull } from './hub/pull.ts'
import { findRevision } from './hub/snapshots.ts'
import { filesIn, folderBytes, isCompleteFolder, wantedFiles } from './wanted-files.ts'

/** What is fetched only as far as its limits go. */
export type PullLimits = {
  /** the most that the files may have together */
  maxBytes?: number
  /** whether a ready-made ONNX file will do where there is no checkpoint */
  takesOnnx?: boolean
  /** told of the id that the Hub has for the repository, before anything is fetched; what it throws ends the pull */
  onNamed?: (id: string) => void
}

/**
 * Brings the files of a text classifier from the Hub into the cache; offline, it is content with what is there.
 *
 * @param repo `org/name`
 * @throws HubError; the signal's reason where it is aborted
 */
export function pullModel(
  repo: string,
  revision: string,
  hub: HubOptions,
  handlers: PullHandlers,
  { maxBytes, takesOnnx, onNamed }: PullLimits = {},
): Promise<Pulled> {
  const here = hub.offline ? alreadyHere(repo, revision, hub.cacheDir) : undefined
  if (here) return Promise.resolve(here)
  const choose = (paths: readonly string[]) => wantedFiles(repo, paths, takesOnnx)
  return pull({ repo, revision, choose, maxBytes, onNamed }, hub, handlers)
}

function alreadyHere(repo: string, revision: string, cacheDir: string): Pulled | undefined {
  const snapshot = findRevision(cacheDir, repo, revision, isCompleteFolder)
  if (!snapshot) return undefined
  const { folder, commit } = snapshot
  const files = wantedFiles(repo, filesIn(folder))
  return { folder, commit, files, totalBytes: folderBytes(folder), fetchedBytes: 0 }
}
