import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { MICROS_PER_DOLLAR } from './money.ts'
import type { Price } from './prices.ts'

/** A thousand dollars; no model costs more, and what is multiplied with it stays exact. */
const Dollars = Type.Number({ minimum: 0, maximum: 1000 })

const PriceFile = Type.Record(
  Type.String(),
  Type.Object(
    { per_request_usd: Type.Optional(Dollars), per_million_tokens_usd: Type.Optional(Dollars) },
    { additionalProperties: false },
  ),
)

/**
 * Reads the operator's prices: `{"<model>": {"per_request_usd": 0.0001, "per_million_tokens_usd": 0.026}}`.
 *
 * @param canonicalId the id of a model that is named by any of its names; throws where there is none
 * @returns prices by canonical id
 * @throws Error that says what is wrong, without saying where the text is from
 */
export function readPrices(text: string, canonicalId: (name: string) => string): ReadonlyMap<string, Price> {
  const prices: unknown = JSON.parse(text)
  if (!Value.Check(PriceFile, prices)) {
    const { instancePath, message } = [...Value.Errors(PriceFile, prices)][0]!
    throw new Error(`${instancePath || 'it'} ${message}`)
  }
  return new Map(
    Object.entries(prices).map(([name, { per_request_usd: request = 0, per_million_tokens_usd: tokens = 0 }]) => {
      return [
        canonicalId(name),
        { perRequestMicros: micros(name, request), perMillionTokensMicros: micros(name, tokens) },
      ]
    }),
  )
}

function micros(name: string, dollars: number): number {
  const exact = dollars * MICROS_PER_DOLLAR
  const whole = Math.round(exact)
  if (Math.abs(exact - whole) > 1e-6) {
    throw new Error(
      `the price of ${JSON.stringify(name)} has more than six decimals, which is less than a micro-dollar`,
    )
  }
  return whole
}
