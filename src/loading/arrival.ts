import { setTimeout } from 'node:timers/promises'
import type { CatalogModel } from '../catalog/catalog.ts'
import { HubError } from '../catalog/hub/errors.ts'
import type { HubOptions } from '../catalog/hub/options.ts'
import { DEFAULT_REVISION } from '../catalog/hub/snapshots.ts'
import { pullModel } from '../catalog/pull-model.ts'
import type { Revisions } from '../catalog/revisions.ts'
import type { ModelDirectory } from '../gateway/models.ts'
import type { Loader } from './loader.ts'

/**
 * What may pass away by itself is tried again after a minute, two, four, up to an hour; a day of that is enough. Within
 * each try single requests are repeated for some ten seconds (`catalog/hub/retry.ts`). What will not pass away, such as a
 * missing repository or a full disk, is not tried again before the next start.
 */
const FIRST_PAUSE_MS = 60_000
const LONGEST_PAUSE_MS = 3_600_000
const MAX_TRIES = 28

/** Told of each failure; without `nextTryMs` there is no next try. */
export type OnFailure = (error: unknown, tries: number, nextTryMs: number | undefined) => void

/**
 * Fetches a model's weights, reads them on a thread, loads them into the engine and lets them answer. The directory says
 * all the time how far it is.
 *
 * @returns when the model answers or there is nothing more to try; it does not throw
 */
export async function awaitArrival(
  model: CatalogModel & { hubRepo: string },
  parts: {
    hub: HubOptions
    loader: Loader
    directory: ModelDirectory
    revisions: Revisions
    onFailure: OnFailure
    signal: AbortSignal
  },
): Promise<void> {
  const { directory, onFailure, signal } = parts
  for (let tries = 1; !signal.aborted; tries++) {
    try {
      return await arrive(model, parts)
    } catch (error) {
      if (signal.aborted) return
      const again = error instanceof HubError && error.transient && tries < MAX_TRIES
      const nextTryMs = again ? Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS) : undefined
      directory.missing(model.id, failureReason(error, nextTryMs))
      onFailure(error, tries, nextTryMs)
      if (nextTryMs === undefined) return
      await setTimeout(nextTryMs, undefined, { signal }).catch(() => {})
    }
  }
}

async function arrive(
  model: CatalogModel & { hubRepo: string },
  { hub, loader, directory, revisions, signal }: Parameters<typeof awaitArrival>[1],
): Promise<void> {
  const tell = (what: string) => directory.missing(model.id, `its weights are being ${what}.`)
  tell(`fetched from ${hub.endpoint}`)
  const { folder, commit } = await pullModel(model.hubRepo, DEFAULT_REVISION, hub, {
    onProgress: ({ bytes, totalBytes }) => tell(`downloaded: ${percent(bytes, totalBytes)}%`),
    signal,
  })
  tell('loaded')
  await loader.load(model, { folder, commit }, signal)
  revisions.note(model.id, { folder, commit })
  directory.arrived(model.id)
}

function percent(bytes: number, totalBytes: number): number {
  return totalBytes === 0 ? 100 : Math.floor((100 * bytes) / totalBytes)
}

/** What is ours to show: a Hub's failure says what to do; anything else is about files that a client need not know. */
function failureReason(error: unknown, nextTryMs: number | undefined): string {
  const what = error instanceof HubError ? error.message : 'they could not be loaded; the log has the cause.'
  const next = nextTryMs === undefined ? '' : ` Next try in ${Math.round(nextTryMs / 60_000)} min.`
  return `its weights are not here: ${what}${next}`
}
