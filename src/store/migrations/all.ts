import type { Migration } from '../migrate.ts'
import { accountsAndMoney } from './0010-accounts-and-money.ts'
import { usageByTime } from './0011-usage-by-time.ts'
import { jobs } from './0020-jobs.ts'
import { evalsAndReplays } from './0030-evals-and-replays.ts'
import { evalsGoOn } from './0031-evals-go-on.ts'

/**
 * Every step of the schema, in order. Numbers are given out by subject, so they have gaps, and a step may come in before one
 * with a higher number that a store has taken already: what it has not taken is what it takes.
 */
export const MIGRATIONS: readonly Migration[] = [accountsAndMoney, usageByTime, jobs, evalsAndReplays, evalsGoOn]
