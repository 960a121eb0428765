import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ValenceError } from '../../errors.ts'
import type { AccountRow } from '../../gateway/accounts.ts'
import type { Admission } from '../../gateway/admission.ts'
import { centsOf } from '../../gateway/money.ts'
import { refuseUnlessManager } from '../../gateway/scopes.ts'
import { lastDays } from '../../gateway/usage.ts'
import { accountFields, accountObject, newAccountFields } from './account-objects.ts'
import {
  AccountBody,
  AccountChanges,
  ById,
  Deleted,
  ERRORS,
  ListQuery,
  listOf,
  NewSubAccount,
  SubAccount,
} from './account-schemas.ts'
import { listed, pageOf } from './pages.ts'

const TAGS = ['Sub-accounts']

const WindowQuery = Type.Object({
  window: Type.Optional(Type.String({ pattern: '^[1-9]\\d{0,2}d$', description: 'Days up to today, such as 30d' })),
})

const DEFAULT_WINDOW = '30d'
const MAX_WINDOW_DAYS = 366

const SUMS = { requests: Type.Integer(), tokens: Type.Integer(), cost_cents: Type.Number() }

const SubAccountUsage = Type.Object(
  {
    summary: Type.Object(SUMS),
    by_model: Type.Array(Type.Object({ model_id: Type.String(), ...SUMS })),
    by_day: Type.Array(Type.Object({ date: Type.String(), ...SUMS })),
  },
  { title: 'SubAccountUsage' },
)

/** Sub-accounts: an account's customers, each with keys, limits and figures of its own, whom the account pays for. */
export function subAccountRoutes({ gateway }: Admission): FastifyPluginAsyncTypebox {
  const { accounts, keys, usage } = gateway
  const object = (row: AccountRow) => ({ object: 'sub_account' as const, ...accountObject(row) })

  return async (app) => {
    app.addHook('onRequest', async ({ caller }) => refuseUnlessManager(caller))

    app.post(
      '/v1/sub-accounts',
      {
        schema: {
          summary: 'Make a sub-account with a key of its own',
          tags: TAGS,
          body: AccountBody,
          response: { 201: NewSubAccount, ...ERRORS },
        },
      },
      async ({ caller, body }, reply) => {
        const account = await accounts.create(caller.accountId, newAccountFields(body))
        const { secret } = await keys.createPlain(account.id)
        return reply.code(201).send({ ...object(account), key: secret, scoped_key: secret })
      },
    )

    app.get(
      '/v1/sub-accounts',
      {
        schema: {
          summary: 'List the sub-accounts',
          tags: TAGS,
          querystring: ListQuery,
          response: { 200: listOf(SubAccount, 'SubAccountList'), ...ERRORS },
        },
      },
      async ({ caller, query }) => {
        const page = pageOf(query)
        return listed(await accounts.list(caller.accountId, page), page, object)
      },
    )

    app.get(
      '/v1/sub-accounts/:id',
      { schema: { summary: 'Get a sub-account', tags: TAGS, params: ById, response: { 200: SubAccount, ...ERRORS } } },
      async ({ caller, params }) => object(await accounts.get({ id: params.id, owner: caller.accountId })),
    )

    app.patch(
      '/v1/sub-accounts/:id',
      {
        schema: {
          summary: 'Change a sub-account, such as its cap',
          tags: TAGS,
          params: ById,
          body: AccountChanges,
          response: { 200: SubAccount, ...ERRORS },
        },
      },
      async ({ caller, params, body }) =>
        object(await accounts.update({ id: params.id, owner: caller.accountId }, accountFields(body))),
    )

    app.delete(
      '/v1/sub-accounts/:id',
      {
        schema: {
          summary: 'End a sub-account and its keys',
          tags: TAGS,
          params: ById,
          response: { 200: Deleted, ...ERRORS },
        },
      },
      async ({ caller, params: { id } }) => {
        await accounts.remove({ id, owner: caller.accountId })
        return { id, status: 'ok' as const, deleted: true as const }
      },
    )

    app.get(
      '/v1/sub-accounts/:id/usage',
      {
        schema: {
          summary: 'What a sub-account used, by model and day',
          tags: TAGS,
          params: ById,
          querystring: WindowQuery,
          response: { 200: SubAccountUsage, ...ERRORS },
        },
      },
      async ({ caller, params, query }) => {
        const { id } = await accounts.get({ id: params.id, owner: caller.accountId })
        const days = lastDays(daysIn(query.window))
        const [byModel, byDay] = [await usage.by('model', id, days), await usage.by('day', id, days)]
        const total = (of: 'requests' | 'tokens' | 'costMicros') => byDay.reduce((sum, day) => sum + day[of], 0)
        return {
          summary: { requests: total('requests'), tokens: total('tokens'), cost_cents: centsOf(total('costMicros')) },
          by_model: byModel.map(({ label, costMicros, ...sums }) => ({
            model_id: label,
            ...sums,
            cost_cents: centsOf(costMicros),
          })),
          by_day: byDay.map(({ label, costMicros, ...sums }) => ({
            date: label,
            ...sums,
            cost_cents: centsOf(costMicros),
          })),
        }
      },
    )
  }
}

/** @throws ValenceError `invalid_request` for more than a year */
function daysIn(window = DEFAULT_WINDOW): number {
  const days = Number.parseInt(window, 10)
  if (days <= MAX_WINDOW_DAYS) return days
  throw new ValenceError('invalid_request', `window may be at most ${MAX_WINDOW_DAYS}d.`, { field: 'window' })
}
