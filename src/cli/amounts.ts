import { MICROS_PER_DOLLAR } from '../gateway/money.ts'
import { MODEL_PATTERN } from '../gateway/scopes.ts'
import { UsageError } from './settings.ts'

const DOLLARS = /^\d{1,9}(\.\d{1,6})?$/

/** @throws UsageError for what is no amount of dollars with at most six decimals */
export function microsIn(dollars: string, what: string): number {
  if (DOLLARS.test(dollars)) return Math.round(Number(dollars) * MICROS_PER_DOLLAR)
  throw new UsageError(`${what} must be dollars such as 5 or 0.25, but is ${JSON.stringify(dollars)}.`)
}

/** `$0.0026`: cents, and more decimals where there are any. */
export function inDollars(micros: number): string {
  const sign = micros < 0 ? '-' : ''
  const [whole, decimals = ''] = String(Math.abs(micros) / MICROS_PER_DOLLAR).split('.')
  return `${sign}$${whole}.${decimals.padEnd(2, '0')}`
}

/** @throws UsageError for what is no whole number from 1 up to the most */
export function countIn(text: string, what: string, most: number): number {
  const count = /^\d+$/.test(text) ? Number(text) : 0
  if (count >= 1 && count <= most) return count
  throw new UsageError(`${what} must be a whole number from 1 to ${most}, but is ${JSON.stringify(text)}.`)
}

const MAX_NAME_LENGTH = 200

/** @throws UsageError for what is too long to be the name of anything */
export function nameIn(text: string, what: string, most = MAX_NAME_LENGTH): string {
  if (text !== '' && text.length <= most) return text
  throw new UsageError(`${what} must have from 1 to ${most} characters.`)
}

/** @throws UsageError for what is no list of patterns of models, separated by commas */
export function modelsIn(text: string, what: string): string[] {
  const patterns = text.split(',').map((pattern) => pattern.trim())
  const wrong = patterns.find((pattern) => !new RegExp(MODEL_PATTERN).test(pattern))
  if (wrong === undefined) return patterns
  throw new UsageError(
    `${what} must be models separated by commas, such as huggingface/*, but has ${JSON.stringify(wrong)}.`,
  )
}
