import { ValenceError } from '../errors.ts'

/** Money is counted in micro-dollars, whole ones: a thousandth of a cent is ten of them. */
export const MICROS_PER_DOLLAR = 1_000_000
const MICROS_PER_CENT = 10_000

/** Cents with at most four decimals, which is exact. */
export function centsOf(micros: number): number {
  return micros / MICROS_PER_CENT
}

export function dollarsOf(micros: number): number {
  return micros / MICROS_PER_DOLLAR
}

/** Two float numbers that mean the same amount, such as 0.1 + 0.2 and 0.3, differ by less. */
const FLOAT_ERROR_MICROS = 1e-3

/**
 * @param field what the amount is called where a client gave it
 * @throws ValenceError `invalid_request` for a part of a micro-dollar, which nobody can be charged or paid
 */
export function microsOfCents(cents: number, field: string): number {
  const exact = cents * MICROS_PER_CENT
  const micros = Math.round(exact)
  if (Math.abs(exact - micros) <= Math.max(FLOAT_ERROR_MICROS, exact * 4 * Number.EPSILON)) return micros
  throw new ValenceError('invalid_request', `${field} may have at most four decimals.`, { field })
}

/** A thousand million dollars, the most of any amount and of any wallet: sums of many such stay exact in a float. */
export const MOST_MICROS = 1_000_000_000 * MICROS_PER_DOLLAR

/** What the operator keeps of a top-up: five in a hundred. */
const FEE_PERCENT = 5

/** Splits what was paid into the fee, rounded down, and the credit. */
export function splitTopUp(paidMicros: number): { feeMicros: number; creditMicros: number } {
  const feeMicros = Math.floor((paidMicros * FEE_PERCENT) / 100)
  return { feeMicros, creditMicros: paidMicros - feeMicros }
}

/** The calendar month, in UTC, in which caps and budgets count: `2026-04`. */
export function monthOf(date: Date): string {
  return date.toISOString().slice(0, 7)
}
