import type { LedgerTransaction, Reservation, Spender, Spending, Wallet } from '../store/wallet.ts'
import type { NewEvent } from './events.ts'
import { centsOf, splitTopUp } from './money.ts'

/**
 * The arithmetic of money, on rows that are locked: it decides, and notes what is to be written.
 *
 * A reservation holds money of a wallet, and of the cap of everyone who spends it: the key, the account, the tag. It ends in a
 * charge of at most its amount, or in nothing. Since no more is held than there is, no more is ever spent.
 */
export type AccountBook = {
  wallets: Map<string, Wallet>
  /** by `spenderId` */
  spending: Map<string, Spending>
  /** reservations that exist, those of this group included */
  reservations: Map<string, Reservation>
  newReservations: Reservation[]
  endedReservations: string[]
  ledger: LedgerTransaction[]
  events: NewEvent[]
  /** the wallets and spending that are no longer as they were read */
  changed: Set<Wallet | Spending>
}

export function createBook(
  wallets: readonly Wallet[],
  spending: readonly Spending[],
  known: readonly Reservation[],
): AccountBook {
  return {
    wallets: new Map(wallets.map((wallet) => [wallet.accountId, wallet])),
    spending: new Map(spending.map((one) => [spenderId(one), one])),
    reservations: new Map(known.map((reservation) => [reservation.id, reservation])),
    newReservations: [],
    endedReservations: [],
    ledger: [],
    events: [],
    changed: new Set(),
  }
}

export type Refusal =
  | { code: 'insufficient_credits'; neededMicros: number; availableMicros: number }
  | { code: 'budget_exceeded'; neededMicros: number; spending: Spending }

/** Part of a budget or of a wallet that its owner is told of, in percent. */
const THRESHOLDS_PERCENT = [80, 95, 100]

export function spenderId({ walletId, kind, subject, month }: Spender): string {
  return JSON.stringify([walletId, kind, subject, month])
}

/** Everybody whose spending a reservation counts as. */
export function spendersOf({ walletId, keyId, accountId, tag, month }: Omit<Reservation, 'amountMicros'>): Spender[] {
  return [
    { walletId, kind: 'account', subject: accountId, month },
    ...(keyId === null ? [] : [{ walletId, kind: 'key' as const, subject: keyId, month }]),
    ...(tag === null ? [] : [{ walletId, kind: 'tag' as const, subject: tag, month }]),
    // What a sub-account spends is its parent's spending as well.
    ...(walletId === accountId ? [] : [{ walletId, kind: 'account' as const, subject: walletId, month }]),
  ]
}

/** Holds a reservation's amount; the same one twice is held once. */
export function reserve(book: AccountBook, reservation: Reservation): Refusal | undefined {
  if (book.reservations.has(reservation.id)) return undefined
  const wallet = book.wallets.get(reservation.walletId)!
  const spenders = spendingOf(book, reservation)
  const { amountMicros } = reservation
  const refusal = refusalFor(wallet, spenders, amountMicros)
  if (refusal) {
    if (refusal.code === 'budget_exceeded') tellExhausted(book, wallet, refusal.spending)
    return refusal
  }
  hold(book, [wallet, ...spenders], amountMicros)
  book.reservations.set(reservation.id, reservation)
  book.newReservations.push(reservation)
  return undefined
}

/** Ends a reservation, and charges what the call cost. */
export function settle(book: AccountBook, reservation: Reservation, costMicros: number): void {
  const chargedMicros = Math.min(costMicros, reservation.amountMicros)
  const { wallet, spenders } = end(book, reservation)
  if (chargedMicros === 0) return
  wallet.balanceMicros -= chargedMicros
  for (const spender of spenders) {
    spender.spentMicros += chargedMicros
    tellOfSpending(book, wallet, spender, chargedMicros)
  }
  tellOfBalance(book, wallet)
  book.ledger.push({
    id: reservation.id,
    kind: 'charge',
    accountId: wallet.accountId,
    idempotencyKey: null,
    entries: [
      { account: `wallet:${wallet.accountId}`, amountMicros: -chargedMicros },
      { account: 'revenue:usage', amountMicros: chargedMicros },
    ],
  })
}

/** Ends a reservation for nothing. */
export function release(book: AccountBook, reservation: Reservation): void {
  end(book, reservation)
}

/** Adds what was paid, less the fee. */
export function topUp(
  book: AccountBook,
  wallet: Wallet,
  { id, paidMicros, idempotencyKey }: { id: string; paidMicros: number; idempotencyKey: string | null },
): void {
  const { feeMicros, creditMicros } = splitTopUp(paidMicros)
  wallet.balanceMicros += creditMicros
  wallet.filledToMicros = wallet.balanceMicros
  wallet.toldPercent = 0
  book.changed.add(wallet)
  book.ledger.push({
    id,
    kind: 'top_up',
    accountId: wallet.accountId,
    idempotencyKey,
    entries: [
      { account: 'external:payments', amountMicros: -paidMicros },
      { account: `wallet:${wallet.accountId}`, amountMicros: creditMicros },
      { account: 'revenue:fees', amountMicros: feeMicros },
    ],
  })
}

function refusalFor(wallet: Wallet, spenders: Spending[], amountMicros: number): Refusal | undefined {
  const over = spenders.find(
    ({ capMicros, spentMicros, heldMicros }) =>
      capMicros !== null && spentMicros + heldMicros + amountMicros > capMicros,
  )
  if (over) return { code: 'budget_exceeded', neededMicros: amountMicros, spending: over }
  const availableMicros = wallet.balanceMicros - wallet.heldMicros
  if (wallet.isPostpaid || amountMicros <= availableMicros) return undefined
  return { code: 'insufficient_credits', neededMicros: amountMicros, availableMicros }
}

function end(book: AccountBook, reservation: Reservation): { wallet: Wallet; spenders: Spending[] } {
  const wallet = book.wallets.get(reservation.walletId)!
  const spenders = spendingOf(book, reservation)
  hold(book, [wallet, ...spenders], -reservation.amountMicros)
  book.reservations.delete(reservation.id)
  book.endedReservations.push(reservation.id)
  return { wallet, spenders }
}

function hold(book: AccountBook, holders: (Wallet | Spending)[], amountMicros: number): void {
  for (const holder of holders) {
    holder.heldMicros += amountMicros
    book.changed.add(holder)
  }
}

function spendingOf(book: AccountBook, reservation: Reservation): Spending[] {
  return spendersOf(reservation).map((spender) => book.spending.get(spenderId(spender))!)
}

function tellOfSpending(book: AccountBook, wallet: Wallet, spender: Spending, chargedMicros: number): void {
  const { capMicros, spentMicros, kind, subject, month } = spender
  if (capMicros === null) return
  beginAnewWithAnotherCap(spender, capMicros, spentMicros - chargedMicros)
  const percent = thresholdReached(spentMicros, capMicros)
  if (percent <= spender.toldPercent) return
  spender.toldPercent = percent
  book.events.push({
    accountId: wallet.accountId,
    type: 'usage.threshold',
    data: { scope: kind, subject, month, percent, spent_cents: centsOf(spentMicros), cap_cents: centsOf(capMicros) },
  })
  if (percent === 100) tellExhausted(book, wallet, spender)
}

/** Says once that a sub-account's cap keeps its calls out, whether it was met to the micro-dollar or nearly. */
function tellExhausted(book: AccountBook, wallet: Wallet, spender: Spending): void {
  const { capMicros, spentMicros, kind, subject, month } = spender
  if (kind !== 'account' || subject === wallet.accountId || capMicros === null) return
  beginAnewWithAnotherCap(spender, capMicros, spentMicros)
  if (spender.toldExhausted) return
  spender.toldExhausted = true
  book.changed.add(spender)
  book.events.push({
    accountId: wallet.accountId,
    type: 'sub_account.budget.exhausted',
    data: { sub_account_id: subject, month, spent_cents: centsOf(spentMicros), cap_cents: centsOf(capMicros) },
  })
}

/** A cap that was changed has thresholds of its own, of which those that lie behind are not told. */
function beginAnewWithAnotherCap(spender: Spending, capMicros: number, spentBeforeMicros: number): void {
  if (spender.toldCapMicros === capMicros) return
  spender.toldCapMicros = capMicros
  spender.toldPercent = thresholdReached(spentBeforeMicros, capMicros)
  spender.toldExhausted = false
}

/** The period of a wallet is from one top-up to the next. */
function tellOfBalance(book: AccountBook, wallet: Wallet): void {
  if (wallet.isPostpaid || wallet.filledToMicros <= 0) return
  const percent = thresholdReached(wallet.filledToMicros - wallet.balanceMicros, wallet.filledToMicros)
  if (percent <= wallet.toldPercent) return
  wallet.toldPercent = percent
  book.events.push({
    accountId: wallet.accountId,
    type: 'balance.low',
    data: { percent, balance_cents: centsOf(wallet.balanceMicros), filled_to_cents: centsOf(wallet.filledToMicros) },
  })
}

/** The highest threshold that part of a whole has reached; 0 is none. */
function thresholdReached(partMicros: number, wholeMicros: number): number {
  return THRESHOLDS_PERCENT.findLast((percent) => partMicros * 100 >= wholeMicros * percent) ?? 0
}
