import { openStore, type Store, type StoreKind, type StoreOptions } from './store.ts'

/** opening → open → failed or closed; opening → failed or closed. */
export type StoreState = 'opening' | 'open' | 'failed' | 'closed'

/** A store that opens while the server already answers. */
export type OpeningStore = {
  kind: StoreKind
  state(): StoreState
  /** Whether an open store answers now: one that broke off is started or reached again by itself. */
  isReachable(): boolean
  /** connections in use, and callers who wait for one */
  depth(): { inUse: number; waiting: number }
  /** Who needs the store waits for this. It rejects with a StoreError where the store cannot be opened. */
  opened: Promise<Store>
  /** Closes the store; one that is still opening is given up. */
  close(): Promise<void>
}

/** @param after what it waits for; where that fails, the store has failed as well */
export function beginOpening(options: Omit<StoreOptions, 'signal'>, after: Promise<void>): OpeningStore {
  const givingUp = new AbortController()
  const kind = options.databaseUrl === undefined ? 'embedded' : 'postgres'
  let state: StoreState = 'opening'
  const opened = after.then(() => openStore({ ...options, signal: givingUp.signal }))
  let open: Store | undefined
  opened.then(
    (store) => {
      open = store
      if (state === 'opening') state = 'open'
    },
    () => {
      if (state === 'opening') state = 'failed'
    },
  )
  return {
    kind,
    state: () => state,
    isReachable: () => open?.isReachable() ?? false,
    depth: () => open?.depth() ?? { inUse: 0, waiting: 0 },
    opened,
    async close() {
      state = 'closed'
      givingUp.abort(new Error('the store was given up while it opened'))
      const store = await opened.catch(() => undefined)
      await store?.close()
    },
  }
}
