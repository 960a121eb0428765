import type { Kysely } from 'kysely'
import { ValenceError } from '../errors.ts'
import type { Database } from '../store/database.ts'
import type { Store } from '../store/store.ts'
import { insertUsage, type UsageRecord } from '../store/usage.ts'
import {
  deleteReservations,
  findExpiredReservations,
  findLedgerTransactions,
  findReservations,
  findWallet,
  insertLedgerTransactions,
  insertReservations,
  lockWallets,
  type Reservation,
  readSpending,
  type Spending,
  saveSpending,
  saveWallets,
  type Wallet,
} from '../store/wallet.ts'
import {
  type AccountBook,
  createBook,
  type Refusal,
  release,
  reserve,
  settle,
  spenderId,
  spendersOf,
} from './account-book.ts'
import type { Caller } from './caller.ts'
import { emitEvents } from './events.ts'
import { grouped } from './grouped.ts'
import { newId } from './ids.ts'
import { centsOf, monthOf } from './money.ts'
import { noWallet, payIn, type TopUp } from './top-up.ts'

/**
 * Money is held before a call runs, and charged when it has run.
 *
 *     reserve ──► held ──► settle: charged, metered
 *                  │
 *                  ├────► release: the call failed, and is free
 *                  └────► its lease ends: whoever made it died before it could answer, so that it is free as well
 */
export type WalletOffice = {
  /** @throws ValenceError `insufficient_credits`, `budget_exceeded` */
  reserve(payer: Payer, amountMicros: number): Promise<Held>
  /**
   * The same for work that may be done again, and is charged once.
   *
   * @param workId the same each time
   * @returns undefined where it was charged before
   */
  reserveOnce(payer: Payer, amountMicros: number, workId: string): Promise<Held | undefined>
  /**
   * Charges at most what was held, and meters the call in the same transaction.
   *
   * @throws ValenceError `timed_out` where the lease had ended; nothing is charged then
   */
  settle(held: Held, costMicros: number, usage: UsageRecord): Promise<void>
  release(held: Held): Promise<void>
  /**
   * Adds to an account's wallet what was paid, less the fee; the same idempotency key does it once.
   *
   * @throws ValenceError `not_found` for an account without a wallet, `conflict` where the key was used for another amount,
   *   `invalid_request` for nothing and for more than a wallet holds
   */
  topUp(payment: { accountId: string; paidMicros: number; idempotencyKey: string | undefined }): Promise<TopUp>
  /** @throws ValenceError `not_found` for an account without a wallet */
  balance(accountId: string): Promise<{ balanceMicros: number; heldMicros: number; isPostpaid: boolean }>
  /**
   * What an account has. A sub-account has what its month's cap leaves, or null where it has none: what its parent's wallet
   * holds is not its business.
   */
  standing(caller: Pick<Caller, 'accountId' | 'parentId'>, month: string): Promise<Standing>
  /** Releases what dead processes held. */
  releaseExpired(): Promise<void>
}

export type Standing = {
  balanceMicros: number | null
  heldMicros: number
  spentMicros: number
  capMicros: number | null
}

/** Who pays for a call, and whose spending it counts as. */
export type Payer = { walletId: string; accountId: string; keyId: string | undefined; tag: string | undefined }

/** Money that is held for a call. */
export type Held = { id: string; walletId: string }

type Operation =
  | { kind: 'reserve'; reservation: Reservation; isPerhapsCharged: boolean }
  | { kind: 'settle'; id: string; walletId: string; costMicros: number; usage: UsageRecord }
  | { kind: 'release'; id: string; walletId: string }

/** How many expired reservations are released at a time. */
const EXPIRED_AT_A_TIME = 200

/** @param leaseMs how long money may be held for a call; longer than any call takes */
export function createWalletOffice(opened: Promise<{ store: Store }>, { leaseMs }: { leaseMs: number }): WalletOffice {
  const perform = grouped(async (operations: Operation[]) => {
    const { db } = (await opened).store
    return onceMore(() => performAll(db, operations, leaseMs))
  })

  return {
    async reserve(payer, amountMicros) {
      const reservation = reservationOf(payer, newId('hold'), amountMicros)
      const outcome = await perform({ kind: 'reserve', reservation, isPerhapsCharged: false })
      if (outcome instanceof ValenceError) throw outcome
      return reservation
    },
    async reserveOnce(payer, amountMicros, workId) {
      const reservation = reservationOf(payer, `hold_${workId}`, amountMicros)
      const outcome = await perform({ kind: 'reserve', reservation, isPerhapsCharged: true })
      if (outcome instanceof ValenceError) throw outcome
      return outcome === 'charged' ? undefined : reservation
    },
    async settle({ id, walletId }, costMicros, usage) {
      const outcome = await perform({ kind: 'settle', id, walletId, costMicros, usage })
      if (outcome instanceof ValenceError) throw outcome
    },
    async release({ id, walletId }) {
      await perform({ kind: 'release', id, walletId })
    },
    topUp: async (payment) => payIn((await opened).store.db, payment),
    async balance(accountId) {
      const wallet = await findWallet((await opened).store.db, accountId)
      if (!wallet) throw noWallet(accountId)
      const { balance_micros: balanceMicros, held_micros: heldMicros, is_postpaid: isPostpaid } = wallet
      return { balanceMicros, heldMicros, isPostpaid }
    },
    async standing({ accountId, parentId }, month) {
      const { db } = (await opened).store
      const spender = { walletId: parentId ?? accountId, kind: 'account' as const, subject: accountId, month }
      const [spending] = await readSpending(db, [spender])
      const { spentMicros, heldMicros, capMicros } = spending!
      if (parentId === undefined) return { ...(await this.balance(accountId)), spentMicros, capMicros }
      return { balanceMicros: capMicros === null ? null : capMicros - spentMicros, heldMicros, spentMicros, capMicros }
    },
    async releaseExpired() {
      const { db } = (await opened).store
      for (;;) {
        const expired = await findExpiredReservations(db, EXPIRED_AT_A_TIME)
        await Promise.all(expired.map((held) => perform({ kind: 'release', ...held })))
        if (expired.length < EXPIRED_AT_A_TIME) return
      }
    },
  }
}

function reservationOf({ walletId, accountId, keyId, tag }: Payer, id: string, amountMicros: number): Reservation {
  return { id, walletId, accountId, keyId: keyId ?? null, tag: tag ?? null, month: monthOf(new Date()), amountMicros }
}

/** Why an operation was refused, or that the call it belongs to was charged before; undefined is neither. */
type Outcome = ValenceError | 'charged' | undefined

/** Does a group of operations in one transaction, in their order. */
async function performAll(db: Kysely<Database>, operations: Operation[], leaseMs: number): Promise<Outcome[]> {
  return db.transaction().execute(async (trx) => {
    const book = await openBook(trx, operations)
    const charged = await findLedgerTransactions(trx, missingIds(book, operations))
    const usage: UsageRecord[] = []
    const outcomes = operations.map((operation) => perform(book, operation, charged, usage))
    await writeBook(trx, book, leaseMs)
    if (usage.length > 0) await insertUsage(trx, JSON.stringify(usage))
    return outcomes
  })
}

/** Everything is idempotent, so that a group whose transaction's end nobody heard can be done again. */
function perform(book: AccountBook, operation: Operation, charged: ReadonlySet<string>, usage: UsageRecord[]): Outcome {
  if (operation.kind === 'reserve') {
    if (charged.has(operation.reservation.id)) return 'charged'
    if (!book.wallets.has(operation.reservation.walletId)) return noWallet(operation.reservation.walletId)
    const refusal = reserve(book, operation.reservation)
    return refusal && refused(refusal)
  }
  const reservation = book.reservations.get(operation.id)
  if (operation.kind === 'release') {
    if (reservation) release(book, reservation)
    return undefined
  }
  if (!reservation) return charged.has(operation.id) ? 'charged' : lapsed()
  settle(book, reservation, operation.costMicros)
  usage.push(operation.usage)
  return undefined
}

async function openBook(trx: Kysely<Database>, operations: Operation[]): Promise<AccountBook> {
  const walletIds = new Set(operations.map((operation) => walletOf(operation)))
  const wallets = await lockWallets(trx, [...walletIds])
  const known = await findReservations(trx, operations.map(idOf))
  const wanted = operations.flatMap((operation) => (operation.kind === 'reserve' ? [operation.reservation] : []))
  const spenders = new Map([...known, ...wanted].flatMap(spendersOf).map((spender) => [spenderId(spender), spender]))
  const spending = await readSpending(trx, [...spenders.values()])
  return createBook(wallets, spending, known)
}

async function writeBook(trx: Kysely<Database>, book: AccountBook, leaseMs: number): Promise<void> {
  const changed = [...book.changed]
  await saveWallets(trx, changed.filter(isWallet))
  await saveSpending(
    trx,
    changed.filter((row): row is Spending => !isWallet(row)),
  )
  await insertReservations(trx, book.newReservations, leaseMs)
  await deleteReservations(trx, book.endedReservations)
  await insertLedgerTransactions(trx, book.ledger)
  await emitEvents(trx, book.events)
}

function lapsed(): ValenceError {
  return new ValenceError('timed_out', 'The call took longer than money is held for it, and was not charged.')
}

function refused(refusal: Refusal): ValenceError {
  if (refusal.code === 'insufficient_credits') {
    return new ValenceError(
      'insufficient_credits',
      `The wallet has ${centsOf(refusal.availableMicros)} cents left, and this call may cost ${centsOf(refusal.neededMicros)}. Top it up.`,
    )
  }
  const { kind, subject, capMicros, spentMicros, heldMicros } = refusal.spending
  const whose = { key: 'this key', account: 'this account', tag: `the tag ${JSON.stringify(subject)}` }[kind]
  return new ValenceError(
    'budget_exceeded',
    `The monthly cap of ${whose} is ${centsOf(capMicros ?? 0)} cents, of which ${centsOf(spentMicros)} are spent and ${centsOf(heldMicros)} held for calls under way; this call may cost ${centsOf(refusal.neededMicros)}. Raise it, or wait for the next month.`,
  )
}

function walletOf(operation: Operation): string {
  return operation.kind === 'reserve' ? operation.reservation.walletId : operation.walletId
}

function idOf(operation: Operation): string {
  return operation.kind === 'reserve' ? operation.reservation.id : operation.id
}

/** What may have been charged already: settlements whose reservation is gone, and calls that may be made again. */
function missingIds(book: AccountBook, operations: Operation[]): string[] {
  return operations
    .filter(
      ({ kind, ...operation }) => kind === 'settle' || ('isPerhapsCharged' in operation && operation.isPerhapsCharged),
    )
    .map(idOf)
    .filter((id) => !book.reservations.has(id))
}

function isWallet(row: Wallet | Spending): row is Wallet {
  return !('kind' in row)
}

/** A connection that broke may have done its work or not; what is idempotent is simply done again. */
async function onceMore<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ValenceError) throw error
    return work()
  }
}
