import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Classification, TextInput } from '../engine/engine.ts'

/**
 * What a request wants of the cache.
 *
 * | mode | reads | keeps |
 * | --- | --- | --- |
 * | auto | yes | what weights of ours said, which they would say again |
 * | force | yes | also what an upstream said, which may say something else the next time |
 * | skip | no | no |
 */
export type CacheMode = 'auto' | 'force' | 'skip'

/** What one account's answers are found by, the text aside. */
export type CacheScope = {
  accountId: string
  /** what answers, and which weights of that name */
  weights: string
  activation: string | undefined
}

/** Keeps what was computed, so that the same text of the same account is not computed again. */
export type ResultCache = {
  /** @returns what is known of each text, its timings zero */
  find(scope: CacheScope, inputs: readonly TextInput[]): (Classification | undefined)[]
  keep(scope: CacheScope, input: TextInput, result: Classification): void
  /** Forgets what is kept for an account; everything, where all accounts share. */
  clear(accountId: string): void
  /** what texts under way may share one computation: all of an account, or all there are */
  sharedAmong(accountId: string): string
}

/** Of a key, an entry of the map and the list, and the array of scores around its numbers, as measured. */
const ENTRY_BYTES = 300
const LABEL_BYTES = 80

/** Accounts whose own last clearing is remembered; beyond them the latest one of the forgotten holds for all. */
const MAX_CLEARINGS = 10_000

const EVERYBODY = 'everybody'

const NO_TIME = { tokenizeMs: 0, queueMs: 0, inferenceMs: 0 }

/**
 * @param options.maxBytes about how much memory it may take; 0 keeps nothing
 * @param options.shared whether one account may be answered with what was computed for another. An answer that comes
 *   from the cache comes sooner, so that whoever shares can find out whether somebody else has sent a certain text.
 */
export function createResultCache(options: { maxBytes: number; shared: boolean }): ResultCache {
  const { maxBytes, shared } = options
  const ownerOf = (accountId: string) => (shared ? EVERYBODY : accountId)
  const clearings = createClearings()
  if (maxBytes === 0) {
    return { find: (_, inputs) => inputs.map(() => undefined), keep() {}, clear() {}, sharedAmong: ownerOf }
  }
  const results = new LRUCache<string, Classification>({ maxSize: maxBytes, sizeCalculation: sizeOf })

  /** A digest, so that no text stays in memory; of JSON, which keeps its parts apart and half surrogates different. */
  function keyOf({ accountId, weights, activation }: CacheScope, { text, pair, limit }: TextInput): string {
    const owner = ownerOf(accountId)
    return hash(
      'sha256',
      JSON.stringify([owner, clearings.of(owner), weights, activation, text, pair, limit]),
      'base64',
    )
  }

  return {
    find: (scope, inputs) => inputs.map((input) => results.get(keyOf(scope, input))),
    keep(scope, input, result) {
      results.set(keyOf(scope, input), { ...result, timings: NO_TIME })
    },
    // What was kept before is found by no key any more, and makes room as it grows old.
    clear: (accountId) => clearings.add(ownerOf(accountId)),
    sharedAmong: ownerOf,
  }
}

function sizeOf({ scores }: Classification): number {
  return ENTRY_BYTES + LABEL_BYTES * scores.length
}

/** Counts clearings, so that the latest of an account is part of its keys; bounded, and never too low. */
function createClearings(): { of(owner: string): number; add(owner: string): void } {
  let count = 0
  let forgotten = 0
  const latest = new LRUCache<string, number>({
    max: MAX_CLEARINGS,
    dispose: (clearing, _, reason) => {
      if (reason === 'evict') forgotten = Math.max(forgotten, clearing)
    },
  })
  return {
    of: (owner) => Math.max(latest.get(owner) ?? 0, forgotten),
    add: (owner) => void latest.set(owner, ++count),
  }
}
