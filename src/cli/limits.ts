import type { ArgsDef } from 'citty'
import { countIn, inDollars, microsIn, modelsIn } from './amounts.ts'

/** What limits a key, an account or a sub-account. */
export const LIMIT_FLAGS = {
  models: { type: 'string', description: 'the models that it may use, separated by commas: huggingface/*' },
  'spend-cap': { type: 'string', description: 'dollars that it may spend in a month' },
  rpm: { type: 'string', description: 'requests that it may send in a minute' },
} as const satisfies ArgsDef

type Given = Partial<Record<keyof typeof LIMIT_FLAGS, string | undefined>>

/** The limits that were given; null is none. */
export function limitsIn({ models, 'spend-cap': spendCap, rpm }: Given) {
  return {
    allowedModels: models === undefined ? null : modelsIn(models, '--models'),
    monthlyCapMicros: spendCap === undefined ? null : microsIn(spendCap, '--spend-cap'),
    requestsPerMinute: rpm === undefined ? null : countIn(rpm, '--rpm', 1_000_000),
  }
}

type Limited = {
  allowed_models: string[] | null
  monthly_cap_micros: number | null
  requests_per_minute: number | null
}

export function limitsAsJson(row: Limited) {
  return {
    allowed_models: row.allowed_models,
    spend_cap_usd: row.monthly_cap_micros === null ? null : row.monthly_cap_micros / 1e6,
    rate_limit_rpm: row.requests_per_minute,
  }
}

export function limitsInWords(row: Limited): string[] {
  return [
    ...(row.allowed_models === null ? [] : [`models ${row.allowed_models.join(', ')}`]),
    ...(row.monthly_cap_micros === null ? [] : [`${inDollars(row.monthly_cap_micros)} a month`]),
    ...(row.requests_per_minute === null ? [] : [`${row.requests_per_minute} a minute`]),
  ]
}
