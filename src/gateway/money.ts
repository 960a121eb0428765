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

export function microsOfCents(cents: number): number {
  return Math.round(cents * MICROS_PER_CENT)
}

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
