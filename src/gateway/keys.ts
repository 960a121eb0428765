import { ValenceError } from '../errors.ts'
import type { Page } from '../store/accounts.ts'
import {
  findKey,
  insertFirstAdminKey,
  insertKey,
  insertNextSecret,
  type KeyFields,
  type KeyRow,
  listKeys,
  revokeKey,
  updateKey,
} from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { LOCAL_ACCOUNT_ID } from './caller.ts'
import { emitEvents } from './events.ts'
import { newId } from './ids.ts'
import { type KeyFormat, keyHint } from './key-format.ts'

export type { KeyFields, KeyRow, Page }

/** The keys of accounts. Whoever asks names the account, and meets no other's. */
export type Keys = {
  /** @returns the key, and its secret, which nobody can be told again */
  create(key: KeyFields & { accountId: string; isAdmin: boolean }): Promise<{ key: KeyRow; secret: string }>
  /** Makes a key without a scope. */
  createPlain(accountId: string): Promise<{ key: KeyRow; secret: string }>
  /** Makes the operator's first key, unless there is an admin key already. */
  firstAdminKey(): Promise<string | undefined>
  /**
   * @param reach the account whose keys, or whose sub-accounts' keys, are looked through
   * @throws ValenceError `not_found`
   */
  find(which: { id: string; reach: Reach }): Promise<KeyRow>
  /** those that are not revoked, the newest first */
  list(accountId: string, page: Page, which: { withAdmin: boolean }): Promise<KeyRow[]>
  /** @throws ValenceError `not_found` */
  update(which: KeyName, fields: Partial<KeyFields>): Promise<KeyRow>
  /** @throws ValenceError `not_found` */
  revoke(which: KeyName): Promise<void>
  /**
   * Makes a key's next secret. The present one goes on until the next one is first used, and then dies.
   *
   * @param owner the account that is told of it
   * @throws ValenceError `not_found`
   */
  rotate(which: KeyName, owner: string): Promise<{ key: KeyRow; secret: string }>
}

/** Whose objects somebody may meet: those of the account with this id and of its sub-accounts, or, with `all`, everybody's. */
export type Reach = string

type KeyName = { id: string; accountId: string }

/** @param changed called after a change, so that nobody goes on with what they remember */
export function createKeys(opened: Promise<{ store: Store; format: KeyFormat }>, changed: () => Promise<void>): Keys {
  async function find({ id, reach }: { id: string; reach: Reach }): Promise<KeyRow> {
    const { store } = await opened
    return (await findKey(store.db, { id, reach })) ?? noSuchKey(id)
  }

  const get = ({ id, accountId }: KeyName) => find({ id, reach: accountId })

  async function create(fields: KeyFields & { accountId: string; isAdmin: boolean }) {
    const { store, format } = await opened
    const secret = format.create()
    const id = newId('key')
    await insertKey(store.db, { ...fields, id, secret: { hash: format.hash(secret), hint: keyHint(secret) } })
    return { key: await get({ id, accountId: fields.accountId }), secret }
  }

  return {
    create,
    createPlain: (accountId) => create({ ...NO_SCOPE, name: null, accountId, isAdmin: false }),
    async firstAdminKey() {
      const { store, format } = await opened
      const secret = format.create()
      const isFirst = await insertFirstAdminKey(store.db, {
        id: newId('key'),
        accountId: LOCAL_ACCOUNT_ID,
        secret: { hash: format.hash(secret), hint: keyHint(secret) },
      })
      return isFirst ? secret : undefined
    },
    find,
    async list(accountId, page, which) {
      return listKeys((await opened).store.db, { accountId, ...which }, page)
    },
    async update(which, fields) {
      const { store } = await opened
      if (!(await updateKey(store.db, which, fields))) noSuchKey(which.id)
      await changed()
      return get(which)
    },
    async revoke(which) {
      const { store } = await opened
      if (!(await revokeKey(store.db, which))) noSuchKey(which.id)
      await changed()
    },
    async rotate(which, owner) {
      const { store, format } = await opened
      const { revoked_at: revokedAt } = await get(which)
      if (revokedAt !== null) noSuchKey(which.id)
      const secret = format.create()
      await store.db.transaction().execute(async (trx) => {
        await insertNextSecret(trx, which.id, { hash: format.hash(secret), hint: keyHint(secret) })
        await emitEvents(trx, [
          { accountId: owner, type: 'key.rotated', data: { key_id: which.id, account_id: which.accountId } },
        ])
      })
      // A next secret that this one displaced may be remembered.
      await changed()
      return { key: await get(which), secret }
    },
  }
}

const NO_SCOPE = { allowedModels: null, monthlyCapMicros: null, requestsPerMinute: null, expiresAt: null }

/** @throws ValenceError `not_found` */
export function noSuchKey(id: string): never {
  throw new ValenceError('not_found', `There is no key ${JSON.stringify(id.slice(0, 100))}.`)
}
