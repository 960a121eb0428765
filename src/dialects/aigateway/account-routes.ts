import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { AccountRow } from '../../gateway/accounts.ts'
import type { Admission } from '../../gateway/admission.ts'
import { centsOf, microsOfCents } from '../../gateway/money.ts'
import { refuseUnlessAdmin } from '../../gateway/scopes.ts'
import { accountFields, accountObject, newAccountFields } from './account-objects.ts'
import {
  AccountBody,
  AccountChanges,
  ById,
  Cents,
  Deleted,
  ERRORS,
  ListQuery,
  listOf,
  NewTopAccount,
  TopAccount,
} from './account-schemas.ts'
import { listed, pageOf } from './pages.ts'

const TAGS = ['Accounts']

const TopUpBody = Type.Object(
  {
    amount_cents: Cents,
    idempotency_key: Type.Optional(
      Type.String({
        pattern: '^[\\w.:/+=-]{1,200}$',
        description: 'The same key tops up once, however often it is sent',
      }),
    ),
  },
  { title: 'NewTopUp' },
)

const TopUpObject = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('top_up'),
    account_id: Type.String(),
    amount_cents: Type.Number({ description: 'What was paid' }),
    fee_cents: Type.Number(),
    credited_cents: Type.Number(),
    balance_cents: Type.Number(),
  },
  { title: 'TopUp' },
)

/** The operator's routes: accounts, and what was paid for them. */
export function accountRoutes({ gateway }: Admission): FastifyPluginAsyncTypebox {
  const { accounts, keys, wallet } = gateway
  const object = (row: AccountRow) => ({ object: 'account' as const, ...accountObject(row) })

  return async (app) => {
    app.addHook('onRequest', async ({ caller }) => refuseUnlessAdmin(caller))

    app.post(
      '/v1/accounts',
      {
        schema: {
          summary: 'Make an account with a wallet and a key',
          tags: TAGS,
          body: AccountBody,
          response: { 201: NewTopAccount, ...ERRORS },
        },
      },
      async ({ body }, reply) => {
        const account = await accounts.create(null, newAccountFields(body))
        const { secret } = await keys.createPlain(account.id)
        return reply.code(201).send({ ...object(account), key: secret, scoped_key: secret })
      },
    )

    app.get(
      '/v1/accounts',
      {
        schema: {
          summary: 'List the accounts',
          tags: TAGS,
          querystring: ListQuery,
          response: { 200: listOf(TopAccount, 'AccountList'), ...ERRORS },
        },
      },
      async ({ query }) => {
        const page = pageOf(query)
        return listed(await accounts.list(null, page), page, object)
      },
    )

    app.get(
      '/v1/accounts/:id',
      { schema: { summary: 'Get an account', tags: TAGS, params: ById, response: { 200: TopAccount, ...ERRORS } } },
      async ({ params }) => object(await accounts.get({ id: params.id, owner: null })),
    )

    app.patch(
      '/v1/accounts/:id',
      {
        schema: {
          summary: 'Change an account, such as its limit of requests',
          tags: TAGS,
          params: ById,
          body: AccountChanges,
          response: { 200: TopAccount, ...ERRORS },
        },
      },
      async ({ params, body }) => object(await accounts.update({ id: params.id, owner: null }, accountFields(body))),
    )

    app.delete(
      '/v1/accounts/:id',
      {
        schema: {
          summary: 'End an account, its sub-accounts and all their keys',
          tags: TAGS,
          params: ById,
          response: { 200: Deleted, ...ERRORS },
        },
      },
      async ({ params: { id } }) => {
        await accounts.remove({ id, owner: null })
        return { id, status: 'ok' as const, deleted: true as const }
      },
    )

    app.post(
      '/v1/accounts/:id/top-ups',
      {
        schema: {
          summary: 'Credit what was paid for an account, less 5%',
          tags: TAGS,
          params: ById,
          body: TopUpBody,
          response: { 201: TopUpObject, ...ERRORS },
        },
      },
      async ({ params: { id: accountId }, body }, reply) => {
        const done = await wallet.topUp({
          accountId,
          paidMicros: microsOfCents(body.amount_cents, 'amount_cents'),
          idempotencyKey: body.idempotency_key,
        })
        return reply.code(201).send({
          id: done.id,
          object: 'top_up' as const,
          account_id: accountId,
          amount_cents: centsOf(done.paidMicros),
          fee_cents: centsOf(done.feeMicros),
          credited_cents: centsOf(done.creditMicros),
          balance_cents: centsOf(done.balanceMicros),
        })
      },
    )
  }
}
