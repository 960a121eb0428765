import { LRUCache } from 'lru-cache'
import { ValenceError } from '../errors.ts'
import { findKeyByHash, findKeyWithAccount, type KeyWithAccount, promoteSecret } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import type { Caller, RateLimit } from './caller.ts'
import { KEY_PREFIX, type KeyFormat } from './key-format.ts'

/**
 * Who a key means.
 *
 * What the store said is remembered. A change of keys or accounts anywhere clears what every process remembers, by a
 * notification of the store; where one is missed, nothing is believed for longer than a few seconds.
 */
export type KeyLookup = {
  /**
   * @returns undefined for what is no key that this server made
   * @throws ValenceError `unauthenticated` for one that is unknown, expired, revoked or rotated away
   */
  find(key: string): Caller | undefined | Promise<Caller | undefined>
  /**
   * The caller that a key stood for, for work that goes on after its request.
   *
   * @throws ValenceError `unauthenticated` where the key has ended since
   */
  callerOf(key: { accountId: string; keyId: string }): Promise<Caller>
  /** Forgets what is remembered here, and has every other process do so. */
  changed(): Promise<void>
  close(): Promise<void>
}

type Known = { expiresAtMs: number; caller: Caller } | { refusal: ValenceError }

const CHANNEL = 'valence_keys'

/** The backstop where a notification was missed. */
const REMEMBER_MS = 5000

const MAX_REMEMBERED = 10_000

export function createKeyLookup(opened: Promise<{ store: Store; format: KeyFormat }>): KeyLookup {
  const known = new LRUCache<string, Known>({ max: MAX_REMEMBERED, ttl: REMEMBER_MS })
  const loading = new Map<string, Promise<Known>>()
  let format: KeyFormat | undefined
  let changes = 0

  function forget(): void {
    changes++
    known.clear()
    loading.clear()
  }

  const subscribed = opened.then(({ store, format: ofStore }) => {
    format = ofStore
    // What changed while nobody listened was missed, so connecting again forgets as well.
    return store.listen(CHANNEL, forget, forget)
  })
  // Whoever opens the store says what is wrong with it.
  subscribed.catch(() => {})

  async function ask(hash: string): Promise<Known> {
    const { store } = await opened
    const found = await findKeyByHash(store.db, hash)
    if (found?.state !== 'next' || isOver(found)) return judged(found)
    await promoteSecret(store.db, found.key_id, hash)
    await notify(store)
    return judged(await findKeyByHash(store.db, hash))
  }

  /** Many requests with a key that is not remembered ask the store once. */
  async function load(hash: string): Promise<Caller> {
    const before = changes
    const answer = loading.get(hash) ?? ask(hash)
    loading.set(hash, answer)
    try {
      const found = await answer
      if (before === changes) known.set(hash, found)
      return callerIn(found)
    } finally {
      if (loading.get(hash) === answer) loading.delete(hash)
    }
  }

  function find(key: string, ofStore: KeyFormat): Caller | undefined | Promise<Caller> {
    const hash = ofStore.hash(key)
    const found = known.get(hash)
    if (found) return callerIn(found)
    return ofStore.isGenuine(key) ? load(hash) : undefined
  }

  async function notify(store: Store): Promise<void> {
    forget()
    await store.notify(CHANNEL, '')
  }

  return {
    find(key) {
      if (!key.startsWith(KEY_PREFIX)) return undefined
      return format ? find(key, format) : opened.then(({ format: ofStore }) => find(key, ofStore))
    },
    async callerOf({ accountId, keyId }) {
      const { store } = await opened
      return callerIn(judged(await findKeyWithAccount(store.db, { id: keyId, accountId })))
    },
    async changed() {
      await notify((await opened).store)
    },
    async close() {
      await subscribed.then(
        (subscription) => subscription.close(),
        () => {},
      )
    },
  }
}

type Row = Omit<KeyWithAccount, 'state'> & Partial<Pick<KeyWithAccount, 'state'>>

function judged(row: Row | undefined): Known {
  if (!row) return refusal('The API key is unknown here.')
  if (row.revoked_at !== null) return refusal('The API key has been revoked.')
  if (row.deleted_at !== null || row.parent_deleted_at !== null) return refusal("The API key's account is no more.")
  if (row.state === 'dead') return refusal('The API key was rotated: another one has taken its place.')
  return { expiresAtMs: row.expires_at?.getTime() ?? Number.POSITIVE_INFINITY, caller: callerFrom(row) }
}

/** A key that has ended keeps its next secret from being promoted by whoever still tries it. */
function isOver(row: Row): boolean {
  return 'refusal' in judged(row) || (row.expires_at !== null && row.expires_at.getTime() <= Date.now())
}

function callerFrom(row: Row): Caller {
  const limit = (subject: string, requestsPerMinute: number | null): RateLimit[] =>
    requestsPerMinute === null ? [] : [{ subject, requestsPerMinute }]
  const hasScope =
    row.key_models !== null ||
    row.key_cap_micros !== null ||
    row.key_requests_per_minute !== null ||
    row.expires_at !== null
  return {
    accountId: row.account_id,
    parentId: row.parent_id ?? undefined,
    keyId: row.key_id,
    isAdmin: row.is_admin,
    mayManage: row.parent_id === null && !hasScope,
    modelScopes: [row.key_models, row.account_models].filter((patterns) => patterns !== null),
    limits: [
      ...limit(row.key_id, row.key_requests_per_minute),
      ...limit(row.account_id, row.account_requests_per_minute),
      ...(row.parent_id === null ? [] : limit(row.parent_id, row.parent_requests_per_minute)),
    ],
    defaultTag: row.default_tag ?? undefined,
  }
}

function callerIn(found: Known): Caller {
  if ('refusal' in found) throw found.refusal
  if (found.expiresAtMs <= Date.now()) throw refusal('The API key has expired.').refusal
  return found.caller
}

function refusal(message: string): { refusal: ValenceError } {
  return { refusal: new ValenceError('unauthenticated', message) }
}
