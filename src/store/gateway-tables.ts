import type { ColumnType, Generated } from 'kysely'

/** Accounts, money, limits and usage, as migration 0010 makes them. */
export type GatewayTables = {
  accounts: AccountTable
  api_keys: ApiKeyTable
  api_key_secrets: { hash: string; key_id: string; hint: string; state: SecretState }
  server_secrets: { name: string; value: string }
  wallets: WalletTable
  spending: SpendingTable
  tag_budgets: { id: string; account_id: string; tag: string; monthly_cap_micros: number; created_at: CreatedAt }
  reservations: ReservationTable
  ledger_transactions: LedgerTransactionTable
  ledger_entries: { transaction_id: string; ledger_account: string; amount_micros: number }
  rate_windows: { subject: string; rate_window: JsonColumn<unknown>; updated_at: CreatedAt }
  usage_calls: UsageCallTable
  usage_days: UsageDayTable
  events: EventTable
}

type CreatedAt = ColumnType<Date, Date | undefined, Date>

/** JSON goes in as text and comes out as what it says. */
type JsonColumn<T> = ColumnType<T, string | null, string | null>

/** `next` waits for its first use, which makes it `current` and the one before it `dead`. */
export type SecretState = 'current' | 'next' | 'dead'

export type AccountTable = {
  id: string
  parent_id: string | null
  name: string
  external_ref: string | null
  monthly_cap_micros: number | null
  requests_per_minute: number | null
  default_tag: string | null
  allowed_models: JsonColumn<string[] | null>
  created_at: CreatedAt
  deleted_at: Date | null
}

type ApiKeyTable = {
  id: string
  account_id: string
  name: string | null
  is_admin: Generated<boolean>
  allowed_models: JsonColumn<string[] | null>
  monthly_cap_micros: number | null
  requests_per_minute: number | null
  expires_at: Date | null
  created_at: CreatedAt
  revoked_at: Date | null
}

type WalletTable = {
  account_id: string
  is_postpaid: Generated<boolean>
  balance_micros: Generated<number>
  held_micros: Generated<number>
  /** the balance right after the last top-up, of which the thresholds are counted */
  filled_to_micros: Generated<number>
  /** the highest threshold that its owner was told of since then */
  told_percent: Generated<number>
}

export type SpenderKind = 'key' | 'account' | 'tag'

type SpendingTable = {
  wallet_id: string
  kind: SpenderKind
  subject: string
  month: string
  spent_micros: Generated<number>
  held_micros: Generated<number>
  /** the cap that the owner was told of thresholds of; another cap has thresholds of its own */
  told_cap_micros: number | null
  told_percent: Generated<number>
  told_exhausted: Generated<boolean>
}

type ReservationTable = {
  id: string
  wallet_id: string
  key_id: string | null
  account_id: string
  tag: string | null
  month: string
  amount_micros: number
  expires_at: Date
}

type LedgerTransactionTable = {
  id: string
  kind: 'top_up' | 'charge'
  account_id: string
  idempotency_key: string | null
  created_at: CreatedAt
}

export type UsageCallTable = {
  id: string
  request_id: string
  account_id: string
  key_id: string | null
  route: string
  model: string
  served_by: string
  tag: string | null
  status: string
  texts: number
  tokens: number
  cost_micros: number
  latency_ms: number
  created_at: Date
}

type UsageDayTable = {
  account_id: string
  day: ColumnType<Date, string, string>
  model: string
  tag: string
  requests: number
  tokens: number
  cost_micros: number
}

type EventTable = {
  id: string
  account_id: string
  type: string
  data: JsonColumn<Record<string, unknown>>
  created_at: CreatedAt
  dispatched_at: Date | null
}
