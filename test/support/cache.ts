import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HubOptions } from '../../src/catalog/hub/options.ts'
import { type Progress, type Pulled, pull } from '../../src/catalog/hub/pull.ts'
import { type FakeHub, sha256 } from './hub.ts'

export const REPO = 'someone/a-model'

/** A cache folder of a test's own, removed by `removeCaches`. */
export function newCache(): string {
  const folder = mkdtempSync(join(tmpdir(), 'valence-hub-'))
  caches.push(folder)
  return folder
}

const caches: string[] = []

export function removeCaches(): void {
  for (const folder of caches.splice(0)) rmSync(folder, { recursive: true, force: true })
}

/** Pulls everything that a repository has, with time-outs that a test can wait for. */
export function pullAll(
  hub: FakeHub,
  cacheDir: string,
  {
    repo = REPO,
    revision = 'main',
    signal = new AbortController().signal,
    onProgress = () => {},
    ...options
  }: Partial<HubOptions> & {
    repo?: string
    revision?: string
    signal?: AbortSignal
    onProgress?: (progress: Progress) => void
  } = {},
): Promise<Pulled> {
  return pull(
    { repo, revision, choose: (paths) => paths },
    {
      endpoint: hub.url,
      token: undefined,
      cacheDir,
      offline: false,
      answerTimeoutMs: 2000,
      idleTimeoutMs: 1000,
      userAgent: 'valence-test',
      proxies: {},
      ...options,
    },
    { onProgress, signal },
  )
}

/** What a pull left in the cache, as a sorted list of paths. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted()
}

/** The files of a snapshot, each with the hash of its content. */
export function hashesIn({ folder, files }: Pulled): Record<string, string> {
  return Object.fromEntries(files.map((path) => [path, sha256(readFileSync(join(folder, path)))]))
}

export function hashesOf(files: Record<string, Buffer>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [path, sha256(content)]))
}
