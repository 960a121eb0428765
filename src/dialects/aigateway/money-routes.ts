import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Admission } from '../../gateway/admission.ts'
import type { Budget } from '../../gateway/budgets.ts'
import { centsOf, microsOfCents, monthOf } from '../../gateway/money.ts'
import { refuseUnlessManager } from '../../gateway/scopes.ts'
import { seconds } from './account-objects.ts'
import { ById, Cents, Deleted, ERRORS, Tag } from './account-schemas.ts'

const TAGS = ['Money']

const NullableCents = Type.Union([Type.Number(), Type.Null()])

const Balance = Type.Object(
  {
    object: Type.Literal('balance'),
    account_id: Type.String(),
    currency: Type.Literal('usd'),
    balance_cents: Type.Union([Type.Number(), Type.Null()], {
      description: "What the wallet has; of a sub-account, what its month's cap leaves, or null where it has none",
    }),
    held_cents: Type.Number({ description: 'Held for calls under way' }),
    available_cents: NullableCents,
    month: Type.String(),
    spent_this_month_cents: Type.Number(),
    spend_cap_cents: NullableCents,
  },
  { title: 'Balance' },
)

const BudgetObject = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('budget'),
    tag: Type.String(),
    monthly_cap_cents: Type.Number(),
    spent_this_month_cents: Type.Number(),
    created_at: Type.Integer(),
  },
  { title: 'Budget' },
)

/** What an account has, and what its tags may cost. */
export function moneyRoutes({ gateway: { wallet, budgets } }: Admission): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/balance',
      { schema: { summary: 'What the account has', tags: TAGS, response: { 200: Balance, ...ERRORS } } },
      async ({ caller }) => {
        const month = monthOf(new Date())
        const { balanceMicros, heldMicros, spentMicros, capMicros } = await wallet.standing(caller, month)
        return {
          object: 'balance' as const,
          account_id: caller.accountId,
          currency: 'usd' as const,
          balance_cents: balanceMicros === null ? null : centsOf(balanceMicros),
          held_cents: centsOf(heldMicros),
          available_cents: balanceMicros === null ? null : centsOf(balanceMicros - heldMicros),
          month,
          spent_this_month_cents: centsOf(spentMicros),
          spend_cap_cents: capMicros === null ? null : centsOf(capMicros),
        }
      },
    )

    app.post(
      '/v1/budgets',
      {
        schema: {
          summary: 'Set what the calls of a tag may cost a month',
          tags: TAGS,
          body: Type.Object({ tag: Tag, monthly_cap_cents: Cents }, { title: 'NewBudget' }),
          response: { 201: BudgetObject, ...ERRORS },
        },
      },
      async ({ caller, body: { tag, monthly_cap_cents: cents } }, reply) => {
        refuseUnlessManager(caller)
        const budget = await budgets.set(caller.accountId, {
          tag,
          monthlyCapMicros: microsOfCents(cents, 'monthly_cap_cents'),
        })
        return reply.code(201).send(budgetObject(budget))
      },
    )

    app.get(
      '/v1/budgets',
      {
        schema: {
          summary: 'List the budgets of tags',
          tags: TAGS,
          response: {
            200: Type.Object({ object: Type.Literal('list'), data: Type.Array(BudgetObject) }, { title: 'BudgetList' }),
            ...ERRORS,
          },
        },
      },
      async ({ caller }) => {
        refuseUnlessManager(caller)
        return { object: 'list' as const, data: (await budgets.list(caller.accountId)).map(budgetObject) }
      },
    )

    app.delete(
      '/v1/budgets/:id',
      { schema: { summary: 'Remove a budget', tags: TAGS, params: ById, response: { 200: Deleted, ...ERRORS } } },
      async ({ caller, params: { id } }) => {
        refuseUnlessManager(caller)
        await budgets.remove({ id, accountId: caller.accountId })
        return { id, status: 'ok' as const, deleted: true as const }
      },
    )
  }
}

function budgetObject({ id, tag, monthlyCapMicros, spentMicros, createdAt }: Budget) {
  return {
    id,
    object: 'budget' as const,
    tag,
    monthly_cap_cents: centsOf(monthlyCapMicros),
    spent_this_month_cents: centsOf(spentMicros),
    created_at: seconds(createdAt),
  }
}
