import { LRUCache } from 'lru-cache'
import { ValenceError } from '../../errors.ts'
import type { Caller } from '../../gateway/caller.ts'
import type { Gateway } from '../../gateway/gateway.ts'
import { lastDays } from '../../gateway/usage.ts'
import { neuronsOf } from './neurons.ts'

/** @throws ValenceError `budget_exceeded` where an account has used up what it may use a day */
export type Allocation = (caller: Caller, usage: Gateway['usage']) => Promise<void>

/** What an account used is read again after this long, so that it may go over by a second's requests. */
const READ_EVERY_MS = 1000

/** Accounts of which that is remembered; of others it is read with each request. */
const MAX_ACCOUNTS = 10_000

/**
 * Cloudflare's free allocation. All that the account used counts, by whichever API it came. The operator has none.
 *
 * @param dailyNeurons 0 is no bound
 */
export function createAllocation(dailyNeurons: number): Allocation {
  const used = new LRUCache<string, Promise<number>>({ max: MAX_ACCOUNTS, ttl: READ_EVERY_MS })

  function usedToday(accountId: string, usage: Gateway['usage']): Promise<number> {
    const known = used.get(accountId)
    if (known) return known
    const reading = usage.by('day', accountId, lastDays(1)).then(([today]) => neuronsOf(today?.tokens ?? 0))
    used.set(accountId, reading)
    // A failure must not stay for a second; whoever waits hears of it.
    reading.catch(() => used.delete(accountId))
    return reading
  }

  return async ({ accountId, isAdmin }, usage) => {
    if (dailyNeurons === 0 || isAdmin) return
    if ((await usedToday(accountId, usage)) < dailyNeurons) return
    const allocation = `daily allocation of ${dailyNeurons.toLocaleString('en-US')} neurons`
    throw new ValenceError('budget_exceeded', `You have used up your ${allocation}; it starts anew at 00:00 UTC.`, {
      retryAfterSeconds: secondsToMidnight(Date.now()),
    })
  }
}

const DAY_MS = 86_400_000

function secondsToMidnight(nowMs: number): number {
  return Math.ceil((DAY_MS - (nowMs % DAY_MS)) / 1000)
}
