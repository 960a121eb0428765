import { type Kysely, sql } from 'kysely'
import type { Page } from './accounts.ts'
import type { Database } from './database.ts'
import type { SecretState } from './gateway-tables.ts'

/** What of a key its owner may set. */
export type KeyFields = {
  name: string | null
  allowedModels: readonly string[] | null
  monthlyCapMicros: number | null
  requestsPerMinute: number | null
  expiresAt: Date | null
}

/** A secret as it is kept: its HMAC, and as much of it as may be shown. */
export type KeptSecret = { hash: string; hint: string }

export type KeyRow = NonNullable<Awaited<ReturnType<typeof findKey>>>

/** Everything that decides what a caller may do, read at once. */
export type KeyWithAccount = NonNullable<Awaited<ReturnType<typeof findKeyByHash>>>

export async function insertKey(db: Kysely<Database>, key: KeyFields & NewKey): Promise<void> {
  await db.transaction().execute((trx) => insertKeyRows(trx, key))
}

async function insertKeyRows(
  trx: Kysely<Database>,
  { id, accountId, isAdmin, secret, ...fields }: KeyFields & NewKey,
): Promise<void> {
  await trx
    .insertInto('api_keys')
    .values({ id, account_id: accountId, is_admin: isAdmin, ...columnsOf(fields) })
    .execute()
  await trx
    .insertInto('api_key_secrets')
    .values({ ...secret, key_id: id, state: 'current' })
    .execute()
}

type NewKey = { id: string; accountId: string; isAdmin: boolean; secret: KeptSecret }

/** @param reach the account whose key it is, itself or by a sub-account; `all` is anybody's */
export async function findKey(db: Kysely<Database>, { id, reach }: { id: string; reach: string }) {
  return keys(db)
    .where('api_keys.id', '=', id)
    .$if(reach !== 'all', (query) =>
      query.where((where) =>
        where.or([
          where('api_keys.account_id', '=', reach),
          where('api_keys.account_id', 'in', where.selectFrom('accounts').select('id').where('parent_id', '=', reach)),
        ]),
      ),
    )
    .executeTakeFirst()
}

export async function listKeys(
  db: Kysely<Database>,
  { accountId, withAdmin }: { accountId: string; withAdmin: boolean },
  { limit, after }: Page,
) {
  return keys(db)
    .where('api_keys.account_id', '=', accountId)
    .where('api_keys.revoked_at', 'is', null)
    .$if(!withAdmin, (query) => query.where('api_keys.is_admin', '=', false))
    .$if(after !== undefined, (query) =>
      query.where(({ eb, refTuple, selectFrom }) =>
        eb(
          refTuple('api_keys.created_at', 'api_keys.id'),
          '<',
          selectFrom('api_keys as last')
            .select(['last.created_at', 'last.id'])
            .where('last.id', '=', after!)
            .$asTuple('created_at', 'id'),
        ),
      ),
    )
    .orderBy('api_keys.created_at', 'desc')
    .orderBy('api_keys.id', 'desc')
    .limit(limit)
    .execute()
}

function keys(db: Kysely<Database>) {
  return db
    .selectFrom('api_keys')
    .innerJoin('api_key_secrets', (join) =>
      join.onRef('api_key_secrets.key_id', '=', 'api_keys.id').on('api_key_secrets.state', '=', 'current'),
    )
    .selectAll('api_keys')
    .select('api_key_secrets.hint')
}

/** Finds a key by the hash of any secret that it ever had, with its account and that account's parent. */
export async function findKeyByHash(db: Kysely<Database>, hash: string) {
  return callers(db)
    .innerJoin('api_key_secrets', 'api_key_secrets.key_id', 'api_keys.id')
    .select('api_key_secrets.state')
    .where('api_key_secrets.hash', '=', hash)
    .executeTakeFirst()
}

/** The same for a key that is known by its id, for work that goes on without its secret. */
export async function findKeyWithAccount(db: Kysely<Database>, { id, accountId }: { id: string; accountId: string }) {
  return callers(db).where('api_keys.id', '=', id).where('api_keys.account_id', '=', accountId).executeTakeFirst()
}

function callers(db: Kysely<Database>) {
  return db
    .selectFrom('api_keys')
    .innerJoin('accounts', 'accounts.id', 'api_keys.account_id')
    .leftJoin('accounts as parent', 'parent.id', 'accounts.parent_id')
    .select([
      'api_keys.id as key_id',
      'api_keys.is_admin',
      'api_keys.allowed_models as key_models',
      'api_keys.monthly_cap_micros as key_cap_micros',
      'api_keys.requests_per_minute as key_requests_per_minute',
      'api_keys.expires_at',
      'api_keys.revoked_at',
      'accounts.id as account_id',
      'accounts.parent_id',
      'accounts.default_tag',
      'accounts.deleted_at',
      'accounts.allowed_models as account_models',
      'accounts.requests_per_minute as account_requests_per_minute',
      'parent.requests_per_minute as parent_requests_per_minute',
      'parent.deleted_at as parent_deleted_at',
    ])
}

export async function updateKey(
  db: Kysely<Database>,
  { id, accountId }: { id: string; accountId: string },
  fields: Partial<KeyFields>,
): Promise<boolean> {
  const columns = columnsOf(fields)
  if (Object.keys(columns).length === 0) return (await findKey(db, { id, reach: accountId })) !== undefined
  const { numUpdatedRows } = await db
    .updateTable('api_keys')
    .set(columns)
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

export async function revokeKey(
  db: Kysely<Database>,
  { id, accountId }: { id: string; accountId: string },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('api_keys')
    .set({ revoked_at: new Date() })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Gives a key its next secret; one that was given before and never used dies. */
export async function insertNextSecret(db: Kysely<Database>, keyId: string, secret: KeptSecret): Promise<void> {
  // Locked, so that two rotations at once leave one next secret and not two.
  await db.selectFrom('api_keys').select('id').where('id', '=', keyId).forUpdate().execute()
  await changeState(db, keyId, 'next', 'dead')
  await db
    .insertInto('api_key_secrets')
    .values({ ...secret, key_id: keyId, state: 'next' })
    .execute()
}

/** The next secret was used: it is the current one from now on, and the one before it dead. */
export async function promoteSecret(db: Kysely<Database>, keyId: string, hash: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx.selectFrom('api_keys').select('id').where('id', '=', keyId).forUpdate().execute()
    const next = await trx
      .selectFrom('api_key_secrets')
      .select('state')
      .where('hash', '=', hash)
      .where('state', '=', 'next')
      .executeTakeFirst()
    // Another request with the same secret was first, or a further rotation.
    if (!next) return
    await changeState(trx, keyId, 'current', 'dead')
    await changeState(trx, keyId, 'next', 'current')
  })
}

async function changeState(db: Kysely<Database>, keyId: string, from: SecretState, to: SecretState): Promise<void> {
  await db
    .updateTable('api_key_secrets')
    .set({ state: to })
    .where('key_id', '=', keyId)
    .where('state', '=', from)
    .execute()
}

/** An arbitrary number that nobody else locks. */
const FIRST_ADMIN_KEY_LOCK = 8_484_000_010

/**
 * Makes an admin key unless there is one that works; of several processes that start at once one makes it.
 *
 * @returns whether it was made
 */
export async function insertFirstAdminKey(
  db: Kysely<Database>,
  { id, accountId, secret }: Omit<NewKey, 'isAdmin'>,
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(${FIRST_ADMIN_KEY_LOCK})`.execute(trx)
    const known = await trx
      .selectFrom('api_keys')
      .select('id')
      .where('is_admin', '=', true)
      .where('revoked_at', 'is', null)
      .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', sql<Date>`now()`)]))
      .limit(1)
      .executeTakeFirst()
    if (known) return false
    await insertKeyRows(trx, { ...NO_SCOPE, name: 'admin', id, accountId, isAdmin: true, secret })
    return true
  })
}

const NO_SCOPE = { allowedModels: null, monthlyCapMicros: null, requestsPerMinute: null, expiresAt: null }

function columnsOf(fields: Partial<KeyFields>) {
  return {
    ...(fields.name !== undefined && { name: fields.name }),
    ...(fields.monthlyCapMicros !== undefined && { monthly_cap_micros: fields.monthlyCapMicros }),
    ...(fields.requestsPerMinute !== undefined && { requests_per_minute: fields.requestsPerMinute }),
    ...(fields.expiresAt !== undefined && { expires_at: fields.expiresAt }),
    ...(fields.allowedModels !== undefined && {
      allowed_models: fields.allowedModels === null ? null : JSON.stringify(fields.allowedModels),
    }),
  }
}
