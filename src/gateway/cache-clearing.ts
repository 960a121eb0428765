import type { Store } from '../store/store.ts'
import type { ResultCache } from './cache.ts'

const CHANNEL = 'valence_cache'

/**
 * Forgets what is kept of an account's calls, in every process that shares the store: each has a memory of its own.
 *
 * @returns resolves when this process has forgotten, and every other has been told
 */
export type CacheClearing = (accountId: string) => Promise<void>

export function createCacheClearing(opening: Promise<Store>, cache: ResultCache): CacheClearing {
  const subscribed = opening.then(async (store) => {
    if (store.kind === 'postgres') await store.listen(CHANNEL, (accountId) => cache.clear(accountId))
  })
  // Whoever opens the store says what is wrong with it.
  subscribed.catch(() => {})
  return async (accountId) => {
    cache.clear(accountId)
    const store = await opening
    if (store.kind === 'postgres') await store.notify(CHANNEL, accountId)
  }
}
