import type { AccountRow } from '../store/accounts.ts'
import type { Store } from '../store/store.ts'
import { type Days, recentUsage, sumUsage, sumUsageBySubAccount, type UsageSum } from '../store/usage.ts'
import type { Meter } from './meter.ts'

export type { Days, UsageSum }

/** What accounts used. An account's reports hold its sub-accounts' calls as well. */
export type Usage = {
  by(kind: 'tag' | 'model' | 'day', accountId: string, days: Days): Promise<(UsageSum & { label: string })[]>
  bySubAccount(
    accountId: string,
    days: Days,
  ): Promise<(UsageSum & Pick<AccountRow, 'id' | 'name'> & { externalRef: string | null })[]>
  recent(accountId: string, limit: number): ReturnType<typeof recentUsage>
}

/** @param meter whose calls are handed to the store first, so that a report has all that were answered here */
export function createUsage(opened: Promise<{ store: Store }>, meter: Meter): Usage {
  async function upToDate(): Promise<Store> {
    const { store } = await opened
    await meter.flush()
    return store
  }
  return {
    async by(kind, accountId, days) {
      const { db } = await upToDate()
      return sumUsage(db, { accountId, by: kind, ...days })
    },
    async bySubAccount(accountId, days) {
      const { db } = await upToDate()
      return sumUsageBySubAccount(db, { accountId, ...days })
    },
    async recent(accountId, limit) {
      const { db } = await upToDate()
      return recentUsage(db, { accountId, limit })
    },
  }
}

/** The days of a month, such as `2026-04`. */
export function daysOfMonth(month: string): Days {
  const [year = 0, number = 0] = month.split('-').map(Number)
  return { from: `${month}-01`, until: dayOf(new Date(Date.UTC(year, number, 1))) }
}

/** The last days up to and with today, in UTC. */
export function lastDays(count: number, now = new Date()): Days {
  const at = (days: number) => dayOf(new Date(now.getTime() + days * DAY_MS))
  return { from: at(1 - count), until: at(1) }
}

const DAY_MS = 86_400_000

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10)
}
