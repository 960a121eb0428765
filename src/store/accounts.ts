import type { Kysely, Selectable } from 'kysely'
import type { Database } from './database.ts'
import type { AccountTable } from './gateway-tables.ts'

export type AccountRow = Selectable<AccountTable>

/** What of an account its owner may set. */
export type AccountFields = {
  name: string
  externalRef: string | null
  monthlyCapMicros: number | null
  requestsPerMinute: number | null
  defaultTag: string | null
  allowedModels: readonly string[] | null
}

/** Which rows of a list: the newest first, those behind the one named. */
export type Page = { limit: number; after: string | undefined }

/** Makes an account, with a wallet where it has no parent to pay for it. */
export async function insertAccount(
  db: Kysely<Database>,
  { id, parentId, ...fields }: AccountFields & { id: string; parentId: string | null },
): Promise<AccountRow> {
  return db.transaction().execute(async (trx) => {
    const account = await trx
      .insertInto('accounts')
      .values({ id, parent_id: parentId, ...columnsOf(fields), name: fields.name })
      .returningAll()
      .executeTakeFirstOrThrow()
    if (parentId === null) await trx.insertInto('wallets').values({ account_id: id }).execute()
    return account
  })
}

/** @param owner whose sub-account it has to be; null finds accounts that are nobody's */
export async function findAccount(
  db: Kysely<Database>,
  { id, owner }: { id: string; owner: string | null },
): Promise<AccountRow | undefined> {
  return db
    .selectFrom('accounts')
    .selectAll()
    .where('id', '=', id)
    .where('parent_id', 'is not distinct from', owner)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
}

/** Finds an account whoever's it is, for callers who then ask whether they may have it. */
export async function findAnyAccount(db: Kysely<Database>, id: string): Promise<AccountRow | undefined> {
  return db.selectFrom('accounts').selectAll().where('id', '=', id).where('deleted_at', 'is', null).executeTakeFirst()
}

/** The sub-accounts of an owner, or, with null, the accounts that are nobody's. */
export async function listAccounts(
  db: Kysely<Database>,
  owner: string | null,
  { limit, after }: Page,
): Promise<AccountRow[]> {
  return db
    .selectFrom('accounts')
    .selectAll()
    .where('parent_id', 'is not distinct from', owner)
    .where('deleted_at', 'is', null)
    .$if(after !== undefined, (query) =>
      query.where(({ eb, refTuple, selectFrom }) =>
        eb(
          refTuple('created_at', 'id'),
          '<',
          selectFrom('accounts').select(['created_at', 'id']).where('id', '=', after!).$asTuple('created_at', 'id'),
        ),
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
}

/** Changes the fields that are given. */
export async function updateAccount(
  db: Kysely<Database>,
  { id, owner }: { id: string; owner: string | null },
  fields: Partial<AccountFields>,
): Promise<AccountRow | undefined> {
  const columns = columnsOf(fields)
  if (Object.keys(columns).length === 0) return findAccount(db, { id, owner })
  return db
    .updateTable('accounts')
    .set(columns)
    .where('id', '=', id)
    .where('parent_id', 'is not distinct from', owner)
    .where('deleted_at', 'is', null)
    .returningAll()
    .executeTakeFirst()
}

/**
 * Ends an account, its sub-accounts and all their keys; what they used and spent stays on record.
 *
 * @param owner whose sub-account it has to be; null ends an account that is nobody's
 */
export async function deleteAccount(
  db: Kysely<Database>,
  { id, owner }: { id: string; owner: string | null },
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const now = new Date()
    const { numUpdatedRows } = await trx
      .updateTable('accounts')
      .set({ deleted_at: now })
      .where('id', '=', id)
      .where('parent_id', 'is not distinct from', owner)
      .where('deleted_at', 'is', null)
      .executeTakeFirst()
    if (numUpdatedRows === 0n) return false
    await trx
      .updateTable('accounts')
      .set({ deleted_at: now })
      .where('parent_id', '=', id)
      .where('deleted_at', 'is', null)
      .execute()
    await trx
      .updateTable('api_keys')
      .set({ revoked_at: now })
      .where('account_id', 'in', (those) =>
        those
          .selectFrom('accounts')
          .select('id')
          .where((where) => where.or([where('id', '=', id), where('parent_id', '=', id)])),
      )
      .where('revoked_at', 'is', null)
      .execute()
    return true
  })
}

function columnsOf(fields: Partial<AccountFields>) {
  return {
    ...(fields.name !== undefined && { name: fields.name }),
    ...(fields.externalRef !== undefined && { external_ref: fields.externalRef }),
    ...(fields.monthlyCapMicros !== undefined && { monthly_cap_micros: fields.monthlyCapMicros }),
    ...(fields.requestsPerMinute !== undefined && { requests_per_minute: fields.requestsPerMinute }),
    ...(fields.defaultTag !== undefined && { default_tag: fields.defaultTag }),
    ...(fields.allowedModels !== undefined && {
      allowed_models: fields.allowedModels === null ? null : JSON.stringify(fields.allowedModels),
    }),
  }
}
