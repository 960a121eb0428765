import { type Kysely, sql } from 'kysely'
import type { Database } from './database.ts'
import type { SpenderKind } from './gateway-tables.ts'

/** A wallet whose row is locked by the transaction that read it. */
export type Wallet = {
  accountId: string
  isPostpaid: boolean
  balanceMicros: number
  heldMicros: number
  filledToMicros: number
  toldPercent: number
}

/** Somebody whose spending in a month is counted, and may be capped: a key, an account, or a tag of an account. */
export type Spender = { walletId: string; kind: SpenderKind; subject: string; month: string }

export type Spending = Spender & {
  spentMicros: number
  heldMicros: number
  toldCapMicros: number | null
  toldPercent: number
  toldExhausted: boolean
  /** null is no cap */
  capMicros: number | null
}

export type Reservation = {
  id: string
  walletId: string
  keyId: string | null
  accountId: string
  tag: string | null
  month: string
  amountMicros: number
}

/** One movement of money; its entries sum to zero. */
export type LedgerTransaction = {
  id: string
  kind: 'top_up' | 'charge'
  accountId: string
  idempotencyKey: string | null
  entries: readonly { account: string; amountMicros: number }[]
}

/**
 * Locks wallets until the transaction ends. Everything else about an account's money is touched only under this lock,
 * and the locks are taken in one order, so that transactions wait for one another but never in a circle.
 */
export async function lockWallets(db: Kysely<Database>, accountIds: readonly string[]): Promise<Wallet[]> {
  const rows = await db
    .selectFrom('wallets')
    .selectAll()
    .where('account_id', 'in', [...accountIds])
    .orderBy('account_id')
    .forUpdate()
    .execute()
  return rows.map((row) => ({
    accountId: row.account_id,
    isPostpaid: row.is_postpaid,
    balanceMicros: row.balance_micros,
    heldMicros: row.held_micros,
    filledToMicros: row.filled_to_micros,
    toldPercent: row.told_percent,
  }))
}

export async function findWallet(db: Kysely<Database>, accountId: string) {
  return db.selectFrom('wallets').selectAll().where('account_id', '=', accountId).executeTakeFirst()
}

export async function saveWallets(db: Kysely<Database>, wallets: readonly Wallet[]): Promise<void> {
  if (wallets.length === 0) return
  await sql`
    update wallets set balance_micros = new."balanceMicros", held_micros = new."heldMicros",
      filled_to_micros = new."filledToMicros", told_percent = new."toldPercent"
    from jsonb_to_recordset(${JSON.stringify(wallets)}::jsonb) as new("accountId" text, "balanceMicros" bigint,
      "heldMicros" bigint, "filledToMicros" bigint, "toldPercent" smallint)
    where account_id = new."accountId"`.execute(db)
}

/** What spenders have spent, with their caps as they are now; one that has no row yet has spent nothing. */
export async function readSpending(db: Kysely<Database>, spenders: readonly Spender[]): Promise<Spending[]> {
  if (spenders.length === 0) return []
  const { rows } = await sql<Spending>`
    select who."walletId", who.kind, who.subject, who.month,
      coalesce(spending.spent_micros, 0) as "spentMicros", coalesce(spending.held_micros, 0) as "heldMicros",
      spending.told_cap_micros as "toldCapMicros", coalesce(spending.told_percent, 0) as "toldPercent",
      coalesce(spending.told_exhausted, false) as "toldExhausted",
      case who.kind
        when 'key' then (select monthly_cap_micros from api_keys where id = who.subject)
        when 'account' then (select monthly_cap_micros from accounts where id = who.subject)
        else (select monthly_cap_micros from tag_budgets where account_id = who."walletId" and tag = who.subject)
      end as "capMicros"
    from jsonb_to_recordset(${JSON.stringify(spenders)}::jsonb)
      as who("walletId" text, kind text, subject text, month text)
    left join spending on spending.wallet_id = who."walletId" and spending.kind = who.kind
      and spending.subject = who.subject and spending.month = who.month`.execute(db)
  return rows
}

export async function saveSpending(db: Kysely<Database>, spending: readonly Spending[]): Promise<void> {
  if (spending.length === 0) return
  await sql`
    insert into spending (wallet_id, kind, subject, month, spent_micros, held_micros, told_cap_micros, told_percent,
      told_exhausted)
    select "walletId", kind, subject, month, "spentMicros", "heldMicros", "toldCapMicros", "toldPercent", "toldExhausted"
    from jsonb_to_recordset(${JSON.stringify(spending)}::jsonb) as new("walletId" text, kind text, subject text,
      month text, "spentMicros" bigint, "heldMicros" bigint, "toldCapMicros" bigint, "toldPercent" smallint,
      "toldExhausted" boolean)
    on conflict (wallet_id, kind, subject, month) do update set spent_micros = excluded.spent_micros,
      held_micros = excluded.held_micros, told_cap_micros = excluded.told_cap_micros,
      told_percent = excluded.told_percent, told_exhausted = excluded.told_exhausted`.execute(db)
}

export async function findReservations(db: Kysely<Database>, ids: readonly string[]): Promise<Reservation[]> {
  if (ids.length === 0) return []
  const rows = await db
    .selectFrom('reservations')
    .selectAll()
    .where('id', 'in', [...ids])
    .execute()
  return rows.map((row) => ({
    id: row.id,
    walletId: row.wallet_id,
    keyId: row.key_id,
    accountId: row.account_id,
    tag: row.tag,
    month: row.month,
    amountMicros: row.amount_micros,
  }))
}

/** @param leaseMs how long a reservation lives if nobody settles or releases it; the database's clock decides */
export async function insertReservations(
  db: Kysely<Database>,
  reservations: readonly Reservation[],
  leaseMs: number,
): Promise<void> {
  if (reservations.length === 0) return
  await sql`
    insert into reservations (id, wallet_id, key_id, account_id, tag, month, amount_micros, expires_at)
    select id, "walletId", "keyId", "accountId", tag, month, "amountMicros",
      clock_timestamp() + ${leaseMs}::bigint * interval '1 millisecond'
    from jsonb_to_recordset(${JSON.stringify(reservations)}::jsonb) as new(id text, "walletId" text, "keyId" text,
      "accountId" text, tag text, month text, "amountMicros" bigint)`.execute(db)
}

export async function deleteReservations(db: Kysely<Database>, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await db
    .deleteFrom('reservations')
    .where('id', 'in', [...ids])
    .execute()
}

/** Reservations whose lease is over: the process that made them died, or lost the store. */
export async function findExpiredReservations(
  db: Kysely<Database>,
  limit: number,
): Promise<{ id: string; walletId: string }[]> {
  return db
    .selectFrom('reservations')
    .select(['id', 'wallet_id as walletId'])
    .where('expires_at', '<', sql<Date>`clock_timestamp()`)
    .limit(limit)
    .execute()
}

/** Ends every lease: for a store that only one process has, when it starts. */
export async function expireAllReservations(db: Kysely<Database>): Promise<void> {
  await db
    .updateTable('reservations')
    .set({ expires_at: new Date(0) })
    .execute()
}

export async function insertLedgerTransactions(
  db: Kysely<Database>,
  transactions: readonly LedgerTransaction[],
): Promise<void> {
  if (transactions.length === 0) return
  const heads = transactions.map(({ id, kind, accountId, idempotencyKey }) => ({ id, kind, accountId, idempotencyKey }))
  const entries = transactions.flatMap(({ id, entries: ofOne }) => ofOne.map((entry) => ({ id, ...entry })))
  await sql`
    insert into ledger_transactions (id, kind, account_id, idempotency_key)
    select id, kind, "accountId", "idempotencyKey" from jsonb_to_recordset(${JSON.stringify(heads)}::jsonb)
      as new(id text, kind text, "accountId" text, "idempotencyKey" text)`.execute(db)
  await sql`
    insert into ledger_entries (transaction_id, ledger_account, amount_micros)
    select id, account, "amountMicros" from jsonb_to_recordset(${JSON.stringify(entries)}::jsonb)
      as new(id text, account text, "amountMicros" bigint)`.execute(db)
}

/** Of these transactions, those that are in the ledger already. */
export async function findLedgerTransactions(db: Kysely<Database>, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const rows = await db
    .selectFrom('ledger_transactions')
    .select('id')
    .where('id', 'in', [...ids])
    .execute()
  return new Set(rows.map(({ id }) => id))
}

/** The entries of a transaction that was made with an idempotency key. */
export async function findByIdempotencyKey(
  db: Kysely<Database>,
  { accountId, idempotencyKey }: { accountId: string; idempotencyKey: string },
): Promise<{ id: string; account: string; amountMicros: number }[]> {
  return db
    .selectFrom('ledger_transactions')
    .innerJoin('ledger_entries', 'ledger_entries.transaction_id', 'ledger_transactions.id')
    .select(['ledger_transactions.id', 'ledger_account as account', 'amount_micros as amountMicros'])
    .where('account_id', '=', accountId)
    .where('idempotency_key', '=', idempotencyKey)
    .execute()
}
