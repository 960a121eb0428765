/** Whoever sends requests, as their key says. It is found once a request and travels with it. */
export type Caller = {
  /** whose data and usage these are: an account, or a sub-account */
  accountId: string
  /** the account that a sub-account belongs to, and whose wallet pays for it */
  parentId: string | undefined
  /** the key that was sent, where it is one of the store's */
  keyId: string | undefined
  /** whether this is the operator, who may do what concerns all accounts */
  isAdmin: boolean
  /** whether this may change what the account is: its keys, sub-accounts and budgets */
  mayManage: boolean
  /** lists of model patterns; a model must match one of every list, so that none is no restriction */
  modelScopes: readonly (readonly string[])[]
  /** every limit that binds the caller's requests: its key's, its account's, and that of the account above */
  limits: readonly RateLimit[]
  /** the tag of calls that carry none */
  defaultTag: string | undefined
}

/** How many requests a minute a key or an account may send. */
export type RateLimit = { subject: string; requestsPerMinute: number }

/** The account that always exists: whoever calls an open server, and the operator's static keys, act as it. */
export const LOCAL_ACCOUNT_ID = 'acct_local'

/** A caller of the account that always exists. */
export function localCaller({ isAdmin }: { isAdmin: boolean }): Caller {
  return {
    accountId: LOCAL_ACCOUNT_ID,
    parentId: undefined,
    keyId: undefined,
    isAdmin,
    mayManage: true,
    modelScopes: [],
    limits: [],
    defaultTag: undefined,
  }
}

/** The account whose wallet pays for what a caller does. */
export function walletOf({ accountId, parentId }: Caller): string {
  return parentId ?? accountId
}
