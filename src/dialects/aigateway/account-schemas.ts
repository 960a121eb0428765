import { Type } from 'typebox'
import { centsOf, MOST_MICROS } from '../../gateway/money.ts'
import { MODEL_PATTERN } from '../../gateway/scopes.ts'
import { ErrorBody } from './schemas.ts'

/** The refusals that any route may answer. */
export const ERRORS = { '4xx': ErrorBody, '5xx': ErrorBody }

/** PostgreSQL's text holds every character but this one. */
const WITHOUT_NUL = '^[^\\u0000]*$'

const text = (maxLength: number, description: string) =>
  Type.String({ minLength: 1, maxLength, pattern: WITHOUT_NUL, description })

export const Tag = text(64, 'What calls are counted under')

export const Cents = Type.Number({ minimum: 0, maximum: centsOf(MOST_MICROS) })

const ModelPattern = Type.String({
  pattern: MODEL_PATTERN,
  description: 'A model by any of its names; a star stands for any characters: huggingface/*',
})

/** What limits a key or an account; null takes a limit away. */
const LIMITS = {
  spend_cap_cents: Type.Optional(
    Type.Union([Cents, Type.Null()], { description: 'The most that it may spend in a calendar month (UTC)' }),
  ),
  rate_limit_rpm: Type.Optional(
    Type.Union([Type.Integer({ minimum: 1, maximum: 1_000_000 }), Type.Null()], { description: 'Requests a minute' }),
  ),
  allowed_models: Type.Optional(
    Type.Union([Type.Array(ModelPattern, { minItems: 1, maxItems: 100 }), Type.Null()], {
      description: 'The models that it may use; null is all',
    }),
  ),
}

const ACCOUNT_FIELDS = {
  ...LIMITS,
  external_ref: Type.Optional(Type.Union([text(200, "The owner's own name for it"), Type.Null()])),
  default_tag: Type.Optional(Type.Union([Tag, Type.Null()])),
}

export const AccountBody = Type.Object(
  { name: text(200, 'What it is called'), ...ACCOUNT_FIELDS },
  { title: 'NewAccount' },
)

export const AccountChanges = Type.Partial(AccountBody, { title: 'AccountChanges' })

const SHOWN_LIMITS = {
  spend_cap_cents: Type.Optional(Type.Number({ description: 'Left out where there is no cap' })),
  rate_limit_rpm: Type.Optional(Type.Integer({ description: 'Left out where there is no limit' })),
  allowed_models: Type.Union([Type.Array(Type.String()), Type.Null()]),
}

const Account = {
  id: Type.String(),
  name: Type.String(),
  external_ref: Type.Union([Type.String(), Type.Null()]),
  default_tag: Type.Union([Type.String(), Type.Null()]),
  ...SHOWN_LIMITS,
  created_at: Type.Integer(),
}

const SHOWN_ONCE = {
  key: Type.String({ description: 'The secret key, shown this once' }),
  scoped_key: Type.String({ description: 'The same key' }),
}

export const SubAccount = Type.Object({ object: Type.Literal('sub_account'), ...Account }, { title: 'SubAccount' })
export const NewSubAccount = Type.Object(
  { object: Type.Literal('sub_account'), ...Account, ...SHOWN_ONCE },
  { title: 'SubAccountWithKey' },
)
export const TopAccount = Type.Object({ object: Type.Literal('account'), ...Account }, { title: 'Account' })
export const NewTopAccount = Type.Object(
  { object: Type.Literal('account'), ...Account, ...SHOWN_ONCE },
  { title: 'AccountWithKey' },
)

const KEY_FIELDS = {
  name: Type.Optional(Type.Union([text(200, 'What it is for'), Type.Null()])),
  ...LIMITS,
  expires_at: Type.Optional(
    Type.Union([Type.Integer({ minimum: 0, maximum: 253_402_300_799 }), Type.Null()], {
      description: 'Unix time in seconds from which it is refused',
    }),
  ),
}

const AccountId = Type.String({ pattern: '^[\\w-]{1,100}$' })

export const KeyBody = Type.Object(
  {
    ...KEY_FIELDS,
    account_id: Type.Optional(
      Type.Union([AccountId, Type.Null()], { description: "Whose key it is: a sub-account, or the caller's account" }),
    ),
    is_admin: Type.Optional(Type.Boolean({ description: 'An operator’s key; only operators make them' })),
  },
  { title: 'NewKey' },
)

export const KeyChanges = Type.Object(KEY_FIELDS, { title: 'KeyChanges' })

const KEY = {
  id: Type.String(),
  object: Type.Literal('api_key'),
  account_id: Type.String(),
  name: Type.Union([Type.String(), Type.Null()]),
  hint: Type.String({ description: 'The end of the secret key' }),
  is_admin: Type.Boolean(),
  ...SHOWN_LIMITS,
  expires_at: Type.Union([Type.Integer(), Type.Null()]),
  created_at: Type.Integer(),
  revoked_at: Type.Union([Type.Integer(), Type.Null()]),
}

export const Key = Type.Object(KEY, { title: 'Key' })
export const NewKey = Type.Object({ ...KEY, key: SHOWN_ONCE.key }, { title: 'KeyWithSecret' })

export const ById = Type.Object({ id: AccountId })

/** The parameters of a query are text. */
export const ListQuery = Type.Object({
  limit: Type.Optional(Type.String({ pattern: '^[1-9]\\d{0,3}$', description: 'At most this many, up to 1,000' })),
  after: Type.Optional(Type.String({ pattern: '^[\\w-]{1,100}$', description: 'Those behind the one with this id' })),
})

export const KeyListQuery = Type.Object({ ...ListQuery.properties, account_id: Type.Optional(AccountId) })

export const listOf = <T extends Parameters<typeof Type.Array>[0]>(item: T, title: string) =>
  Type.Object({ object: Type.Literal('list'), data: Type.Array(item), has_more: Type.Boolean() }, { title })

export const Deleted = Type.Object(
  { id: Type.String(), status: Type.Literal('ok'), deleted: Type.Literal(true) },
  { title: 'Deleted' },
)
