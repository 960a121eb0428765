import { ValenceError } from '../errors.ts'
import {
  type AccountFields,
  type AccountRow,
  deleteAccount,
  findAccount,
  findAnyAccount,
  insertAccount,
  listAccounts,
  type Page,
  updateAccount,
} from '../store/accounts.ts'
import type { Store } from '../store/store.ts'
import { LOCAL_ACCOUNT_ID } from './caller.ts'
import { newId } from './ids.ts'
import type { Reach } from './keys.ts'

export type { AccountFields, AccountRow }

/** Accounts, which have wallets and no owner, and sub-accounts, whose owner is an account that pays for them. */
export type Accounts = {
  /** @param owner null makes an account with a wallet */
  create(owner: string | null, fields: AccountFields): Promise<AccountRow>
  /** @throws ValenceError `not_found`, also for what is another's */
  get(which: AccountName): Promise<AccountRow>
  /**
   * @param reach the account that it is, or whose sub-account
   * @throws ValenceError `not_found`
   */
  find(which: { id: string; reach: Reach }): Promise<AccountRow>
  list(owner: string | null, page: Page): Promise<AccountRow[]>
  /** @throws ValenceError `not_found` */
  update(which: AccountName, fields: Partial<AccountFields>): Promise<AccountRow>
  /**
   * Ends an account, its sub-accounts and all their keys; what is under way is still paid for.
   *
   * @throws ValenceError `not_found`, `conflict` for the one that always exists
   */
  remove(which: AccountName): Promise<void>
}

type AccountName = { id: string; owner: string | null }

/** @param changed called after a change, so that nobody goes on with what they remember */
export function createAccounts(opened: Promise<{ store: Store }>, changed: () => Promise<void>): Accounts {
  return {
    async create(owner, fields) {
      const { store } = await opened
      return insertAccount(store.db, { ...fields, id: newId(owner === null ? 'acct' : 'sa'), parentId: owner })
    },
    async get(which) {
      const { store } = await opened
      return (await findAccount(store.db, which)) ?? notFound(which)
    },
    async find({ id, reach }) {
      const { store } = await opened
      const account = await findAnyAccount(store.db, id)
      const isWithin = reach === 'all' || account?.id === reach || account?.parent_id === reach
      return account !== undefined && isWithin ? account : notFound({ id, owner: null })
    },
    async list(owner, page) {
      const { store } = await opened
      return listAccounts(store.db, owner, page)
    },
    async update(which, fields) {
      const { store } = await opened
      const account = (await updateAccount(store.db, which, fields)) ?? notFound(which)
      await changed()
      return account
    },
    async remove(which) {
      const { store } = await opened
      if (which.id === LOCAL_ACCOUNT_ID)
        throw new ValenceError('conflict', `${LOCAL_ACCOUNT_ID} is the operator's own account, which always exists.`)
      if (!(await deleteAccount(store.db, which))) notFound(which)
      await changed()
    },
  }
}

function notFound({ id, owner }: AccountName): never {
  const what = owner === null ? 'account' : 'sub-account'
  throw new ValenceError('not_found', `There is no ${what} ${JSON.stringify(id.slice(0, 100))}.`)
}
