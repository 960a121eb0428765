import type { Static } from 'typebox'
import type { AccountFields, AccountRow } from '../../gateway/accounts.ts'
import type { KeyFields, KeyRow } from '../../gateway/keys.ts'
import { centsOf, microsOfCents } from '../../gateway/money.ts'
import type { AccountBody, AccountChanges, KeyChanges } from './account-schemas.ts'

/** An account or sub-account as the API writes it. */
export function accountObject(row: AccountRow) {
  return {
    id: row.id,
    name: row.name,
    external_ref: row.external_ref,
    default_tag: row.default_tag,
    ...limitsOf(row),
    created_at: seconds(row.created_at),
  }
}

export function keyObject(row: KeyRow) {
  return {
    id: row.id,
    object: 'api_key' as const,
    account_id: row.account_id,
    name: row.name,
    hint: row.hint,
    is_admin: row.is_admin,
    ...limitsOf(row),
    expires_at: row.expires_at && seconds(row.expires_at),
    created_at: seconds(row.created_at),
    revoked_at: row.revoked_at && seconds(row.revoked_at),
  }
}

/** The fields that a body gives; what it leaves out is left as it is. */
export function accountFields(body: Static<typeof AccountChanges>): Partial<AccountFields> {
  return {
    ...(body.name !== undefined && { name: body.name }),
    ...(body.external_ref !== undefined && { externalRef: body.external_ref }),
    ...(body.default_tag !== undefined && { defaultTag: body.default_tag }),
    ...limitFields(body),
  }
}

export function newAccountFields(body: Static<typeof AccountBody>): AccountFields {
  return { ...NO_LIMITS, externalRef: null, defaultTag: null, ...accountFields(body), name: body.name }
}

export function keyFields(body: Static<typeof KeyChanges>): Partial<KeyFields> {
  return {
    ...(body.name !== undefined && { name: body.name }),
    ...(body.expires_at !== undefined && {
      expiresAt: body.expires_at === null ? null : new Date(body.expires_at * 1000),
    }),
    ...limitFields(body),
  }
}

export function newKeyFields(body: Static<typeof KeyChanges>): KeyFields {
  return { ...NO_LIMITS, name: null, expiresAt: null, ...keyFields(body) }
}

const NO_LIMITS = { monthlyCapMicros: null, requestsPerMinute: null, allowedModels: null }

type Limits = Pick<Static<typeof KeyChanges>, 'spend_cap_cents' | 'rate_limit_rpm' | 'allowed_models'>

function limitFields({ spend_cap_cents: cents, rate_limit_rpm: requests, allowed_models: models }: Limits) {
  return {
    ...(cents !== undefined && { monthlyCapMicros: cents === null ? null : microsOfCents(cents, 'spend_cap_cents') }),
    ...(requests !== undefined && { requestsPerMinute: requests }),
    ...(models !== undefined && { allowedModels: models }),
  }
}

/** The published schema knows no null for the first two, so that they are left out where there is none. */
function limitsOf(row: Pick<AccountRow, 'monthly_cap_micros' | 'requests_per_minute' | 'allowed_models'>) {
  return {
    ...(row.monthly_cap_micros !== null && { spend_cap_cents: centsOf(row.monthly_cap_micros) }),
    ...(row.requests_per_minute !== null && { rate_limit_rpm: row.requests_per_minute }),
    allowed_models: row.allowed_models,
  }
}

export function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}
