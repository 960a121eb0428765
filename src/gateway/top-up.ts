import type { Kysely } from 'kysely'
import { ValenceError } from '../errors.ts'
import { findAccount } from '../store/accounts.ts'
import type { Database } from '../store/database.ts'
import {
  findByIdempotencyKey,
  insertLedgerTransactions,
  lockWallets,
  saveWallets,
  type Wallet,
} from '../store/wallet.ts'
import { createBook, topUp } from './account-book.ts'
import { newId } from './ids.ts'
import { centsOf, dollarsOf, MOST_MICROS, splitTopUp } from './money.ts'

/** `balanceMicros` is the wallet's now, whenever the top-up was. */
export type TopUp = { id: string; paidMicros: number; feeMicros: number; creditMicros: number; balanceMicros: number }

/**
 * Adds to an account's wallet what was paid, less the fee.
 *
 * @throws ValenceError `invalid_request` for nothing, and for more than a wallet holds; `not_found`, `conflict`
 */
export async function payIn(
  db: Kysely<Database>,
  {
    accountId,
    paidMicros,
    idempotencyKey,
  }: { accountId: string; paidMicros: number; idempotencyKey?: string | undefined },
): Promise<TopUp> {
  if (paidMicros <= 0) throw new ValenceError('invalid_request', 'A top-up must be more than nothing.', AMOUNT)
  return db.transaction().execute(async (trx) => {
    const [wallet] = await lockWallets(trx, [accountId])
    // A deleted account keeps its wallet, for the books; nobody could spend what is paid into it.
    const account = await findAccount(trx, { id: accountId, owner: null })
    if (!wallet || !account) throw noWallet(accountId)
    const earlier = idempotencyKey === undefined ? [] : await findByIdempotencyKey(trx, { accountId, idempotencyKey })
    if (earlier.length > 0) return repeated(earlier, paidMicros, wallet)
    refuseOverflow(wallet, splitTopUp(paidMicros).creditMicros)
    const id = newId('topup')
    const book = createBook([wallet], [], [])
    topUp(book, wallet, { id, paidMicros, idempotencyKey: idempotencyKey ?? null })
    await saveWallets(trx, [wallet])
    await insertLedgerTransactions(trx, book.ledger)
    return topUpOf(id, book.ledger[0]!.entries, wallet)
  })
}

const AMOUNT = { field: 'amount_cents' }

/** What a number cannot hold exactly could not be read again, and the account would have no wallet any more. */
function refuseOverflow({ balanceMicros }: Wallet, creditMicros: number): void {
  if (balanceMicros + creditMicros <= MOST_MICROS) return
  throw new ValenceError(
    'invalid_request',
    `A wallet holds at most $${dollarsOf(MOST_MICROS)}, and this one has $${dollarsOf(balanceMicros)}. Top up less.`,
    AMOUNT,
  )
}

function repeated(
  entries: { id: string; account: string; amountMicros: number }[],
  paidMicros: number,
  wallet: Wallet,
): TopUp {
  const earlier = topUpOf(entries[0]!.id, entries, wallet)
  if (earlier.paidMicros === paidMicros) return earlier
  throw new ValenceError(
    'conflict',
    `This idempotency key was used for a top-up of ${centsOf(earlier.paidMicros)} cents. Use another for another top-up.`,
    { field: 'idempotency_key' },
  )
}

function topUpOf(id: string, entries: readonly { account: string; amountMicros: number }[], wallet: Wallet): TopUp {
  const amount = (account: string) => entries.find((entry) => entry.account === account)?.amountMicros ?? 0
  return {
    id,
    paidMicros: -amount('external:payments'),
    feeMicros: amount('revenue:fees'),
    creditMicros: amount(`wallet:${wallet.accountId}`),
    balanceMicros: wallet.balanceMicros,
  }
}

export function noWallet(accountId: string): ValenceError {
  return new ValenceError('not_found', `There is no account ${JSON.stringify(accountId)} with a wallet.`)
}
