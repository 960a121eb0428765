import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { createBook, release, reserve, settle, spenderId, spendersOf, topUp } from '../../src/gateway/account-book.ts'
import type { Reservation, Spending, Wallet } from '../../src/store/wallet.ts'

const MONTH = '2026-11'
const WALLET = 'acct_a'

/** What may happen to an account, in any order. */
const step = fc.oneof(
  fc.record({ kind: fc.constant('pay' as const), micros: fc.integer({ min: 0, max: 2_000_000 }) }),
  fc.record({
    kind: fc.constant('reserve' as const),
    micros: fc.integer({ min: 0, max: 300_000 }),
    keyId: fc.constantFrom('key_1', 'key_2', null),
    accountId: fc.constantFrom(WALLET, 'sa_1'),
    tag: fc.constantFrom('blue', null),
  }),
  fc.record({
    kind: fc.constant('settle' as const),
    which: fc.nat(),
    // Also more than was held, which is never charged.
    micros: fc.integer({ min: 0, max: 400_000 }),
  }),
  fc.record({ kind: fc.constant('release' as const), which: fc.nat() }),
)

function bookWithCaps(capMicros: number | null) {
  const wallet: Wallet = {
    accountId: WALLET,
    isPostpaid: false,
    balanceMicros: 0,
    heldMicros: 0,
    filledToMicros: 0,
    toldPercent: 0,
  }
  const spending = ['key_1', 'key_2', null].flatMap((keyId) =>
    [WALLET, 'sa_1'].flatMap((accountId) =>
      ['blue', null].flatMap((tag) => spendersOf({ id: '', walletId: WALLET, keyId, accountId, tag, month: MONTH })),
    ),
  )
  const unique = new Map(spending.map((spender) => [spenderId(spender), spender]))
  const rows = [...unique.values()].map(
    (spender): Spending => ({
      ...spender,
      spentMicros: 0,
      heldMicros: 0,
      toldCapMicros: null,
      toldPercent: 0,
      toldExhausted: false,
      capMicros: spender.kind === 'key' ? capMicros : null,
    }),
  )
  return { book: createBook([wallet], rows, []), wallet, rows }
}

it('whatever is paid, held, charged and released, in whatever order', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.option(fc.integer({ min: 0, max: 1_000_000 })),
      (steps, capMicros) => {
        const { book, wallet, rows } = bookWithCaps(capMicros)
        const held: Reservation[] = []
        for (const [index, one] of steps.entries()) {
          if (one.kind === 'pay') {
            topUp(book, wallet, { id: `t${index}`, paidMicros: one.micros, idempotencyKey: null })
          } else if (one.kind === 'reserve') {
            const reservation = { id: `r${index}`, walletId: WALLET, month: MONTH, amountMicros: one.micros, ...one }
            if (!reserve(book, reservation)) held.push(reservation)
          } else if (held.length > 0) {
            const [reservation] = held.splice(one.which % held.length, 1)
            if (one.kind === 'settle') settle(book, reservation!, one.micros)
            else release(book, reservation!)
          }
          const heldMicros = held.reduce((sum, { amountMicros }) => sum + amountMicros, 0)
          expect(wallet.heldMicros).toBe(heldMicros)
          expect(wallet.balanceMicros).toBeGreaterThanOrEqual(heldMicros)
          for (const { spentMicros, heldMicros: ofSpender, capMicros: cap } of rows) {
            if (cap !== null) expect(spentMicros + ofSpender).toBeLessThanOrEqual(cap)
          }
        }
        for (const { entries } of book.ledger) {
          expect(entries.reduce((sum, { amountMicros }) => sum + amountMicros, 0)).toBe(0)
        }
        const ofWallet = book.ledger.flatMap(({ entries }) =>
          entries.filter(({ account }) => account === `wallet:${WALLET}`),
        )
        expect(ofWallet.reduce((sum, { amountMicros }) => sum + amountMicros, 0)).toBe(wallet.balanceMicros)
      },
    ),
  )
})
