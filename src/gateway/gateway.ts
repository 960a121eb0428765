import { deleteIdleRateWindows } from '../store/rate-windows.ts'
import type { Store } from '../store/store.ts'
import { deleteOldUsage, insertUsage } from '../store/usage.ts'
import { expireAllReservations } from '../store/wallet.ts'
import { type Accounts, createAccounts } from './accounts.ts'
import { type Budgets, createBudgets } from './budgets.ts'
import { createKeyFormat } from './key-format.ts'
import { createKeyLookup, type KeyLookup } from './key-lookup.ts'
import { findKeySecret } from './key-secret.ts'
import { createKeys, type Keys } from './keys.ts'
import { createRateLimiter, type RateLimiter } from './limits.ts'
import { createMeter, type Meter } from './meter.ts'
import { createUsage, type Usage } from './usage.ts'
import { journalIn, openUsageJournal } from './usage-journal.ts'
import { createWalletOffice, type WalletOffice } from './wallet.ts'

/** Everything about accounts that is kept in the store: who may do what, and who pays for it. */
export type Gateway = {
  accounts: Accounts
  keys: Keys
  lookup: KeyLookup
  budgets: Budgets
  wallet: WalletOffice
  usage: Usage
  meter: Meter
  takeFromLimits: RateLimiter
  /** Resolves when the store is open and what dead processes left is put in order. */
  ready: Promise<void>
  /** Hands everything to the store that it does not have yet. The store itself stays open. */
  close(): Promise<void>
}

/** Money that a dead process held comes free this soon after its lease has ended. */
const SWEEP_EVERY_MS = 30_000

/** Single calls can be looked up for a year and a month; their sums stay. */
const CALLS_KEPT_DAYS = 396
const DELETE_OLD_EVERY_MS = 3_600_000

/** A call may take this much longer than its time limit until it is charged. */
const LEASE_BEYOND_TIME_LIMIT_MS = 60_000

/**
 * @param opening the store; requests do not wait for it unless they need it
 * @param onTrouble told of what goes wrong beside the requests, and is tried again
 */
export function createGateway({
  opening,
  dataDir,
  keySecret,
  timeoutMs,
  onTrouble,
}: {
  opening: Promise<Store>
  dataDir: string
  keySecret: string | undefined
  timeoutMs: number
  onTrouble: (error: unknown, what: string) => void
}): Gateway {
  const opened = opening.then(async (store) => {
    const secret = await findKeySecret(store.db, { set: keySecret, kind: store.kind, dataDir })
    return { store, format: createKeyFormat(secret) }
  })
  // Whoever opens the store says what is wrong with it.
  opened.catch(() => {})

  const lookup = createKeyLookup(opened)
  // Whoever held money in a store that one process has is dead. This comes before anything is held anew: a request that
  // waited for the store would lose what it holds.
  const cleared = opened.then(async (parts) => {
    if (parts.store.kind === 'embedded') await expireAllReservations(parts.store.db)
    return parts
  })
  cleared.catch(() => {})
  const wallet = createWalletOffice(cleared, { leaseMs: timeoutMs + LEASE_BEYOND_TIME_LIMIT_MS })
  const meter = createMeter({
    journal: openUsageJournal(journalIn(dataDir)),
    insert: async (records) => insertUsage((await opened).store.db, records),
    onFailure: (error) => onTrouble(error, 'the store did not take what was metered'),
  })

  const ready = cleared.then(async () => {
    await wallet.releaseExpired()
    await meter.start()
  })
  ready.catch(() => {})

  let deleteOldAtMs = 0
  const sweep = setInterval(() => {
    sweeping = sweeping.then(async () => {
      const { store } = await opened
      await wallet.releaseExpired()
      await deleteIdleRateWindows(store.db)
      if (Date.now() < deleteOldAtMs) return
      // One process after another may do it; there is nothing left for the second.
      const isMore = await deleteOldUsage(store.db, CALLS_KEPT_DAYS)
      if (!isMore) deleteOldAtMs = Date.now() + DELETE_OLD_EVERY_MS
    })
    sweeping = sweeping.catch((error: unknown) => onTrouble(error, 'the store could not be swept'))
  }, SWEEP_EVERY_MS).unref()
  let sweeping: Promise<void> = ready.catch(() => {})

  return {
    accounts: createAccounts(opened, lookup.changed),
    keys: createKeys(opened, lookup.changed),
    lookup,
    budgets: createBudgets(opened),
    wallet,
    usage: createUsage(opened, meter),
    meter,
    takeFromLimits: createRateLimiter(opened),
    ready,
    async close() {
      clearInterval(sweep)
      await sweeping
      await meter.stop().catch((error: unknown) => onTrouble(error, 'the store did not take what was metered'))
      await lookup.close()
    },
  }
}
