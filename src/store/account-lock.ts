import { sql, type Transaction } from 'kysely'
import type { Database } from './database.ts'

/**
 * Until the transaction ends, no other counts what the account has of something, so that many who add to it at once do not
 * all find room for one.
 */
export async function lockAccount(
  transaction: Transaction<Database>,
  accountId: string,
  what: 'files' | 'batches' | 'webhooks',
): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`${what} of ${accountId}`}, 0))`.execute(transaction)
}
