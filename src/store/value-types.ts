import { types } from 'pg'

/** PostgreSQL's numbers for the types that node-postgres would give in another form than we want. */
const INT8 = 20
const NUMERIC = 1700
const DATE = 1082
const INT8_ARRAY = 1016
const NUMERIC_ARRAY = 1231

/**
 * How a value's text becomes JavaScript, in one place for both stores.
 *
 * `int8` and `numeric` become numbers: money is integer micro-dollars below 2^53, and counts are far below. A `date` stays
 * `2026-11-24`, since a `Date` would move it by the machine's time zone. The rest is as node-postgres has it.
 */
export const VALUE_TYPES = {
  getTypeParser(type: number, format?: 'text' | 'binary'): (value: string) => unknown {
    if (format !== 'binary') {
      if (type === INT8 || type === NUMERIC) return numberFrom
      if (type === INT8_ARRAY || type === NUMERIC_ARRAY) return (text) => numbersFrom(textsOf(text))
      if (type === DATE) return (text) => text
    }
    return types.getTypeParser(type, format)
  },
}

const textsOf: (text: string) => TextArray = types.getTypeParser(INT8_ARRAY as number)

type TextArray = (string | null | TextArray)[]
type NumberArray = (number | null | NumberArray)[]

function numbersFrom(texts: TextArray): NumberArray {
  return texts.map((text) => (Array.isArray(text) ? numbersFrom(text) : text === null ? null : numberFrom(text)))
}

/** @throws RangeError for an integer that a number cannot hold: an amount that is a little off is worse than none */
function numberFrom(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    throw new RangeError(`the store holds ${text}, which is too large to be read as a number`)
  return value
}
