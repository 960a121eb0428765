import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Admission } from '../../gateway/admission.ts'
import { centsOf, monthOf } from '../../gateway/money.ts'
import { daysOfMonth, type UsageSum } from '../../gateway/usage.ts'
import { seconds } from './account-objects.ts'
import { ERRORS } from './account-schemas.ts'
import { limitOf } from './pages.ts'

const TAGS = ['Usage']

const MonthQuery = Type.Object({
  month: Type.Optional(
    Type.String({
      pattern: '^2\\d{3}-(0[1-9]|1[0-2])$',
      description: 'A month in UTC, such as 2026-04; else this one',
    }),
  ),
})

const ROW = {
  label: Type.String(),
  tag: Type.Union([Type.String(), Type.Null()]),
  requests: Type.Integer(),
  tokens: Type.Integer(),
  cost_cents: Type.Number(),
}

const report = <T extends Record<string, Parameters<typeof Type.Array>[0]>>(more: T, title: string) =>
  Type.Object(
    { object: Type.Literal('list'), month: Type.String(), data: Type.Array(Type.Object({ ...ROW, ...more })) },
    { title },
  )

const RecentCalls = Type.Object(
  {
    object: Type.Literal('list'),
    data: Type.Array(
      Type.Object({
        id: Type.String(),
        request_id: Type.String(),
        account_id: Type.String(),
        route: Type.String(),
        model: Type.String(),
        served_by: Type.String(),
        status: Type.String({ description: 'ok, or the kind of failure' }),
        latency_ms: Type.Number(),
        tokens: Type.Integer(),
        cost_cents: Type.Number(),
        tag: Type.Union([Type.String(), Type.Null()]),
        created_at: Type.Integer(),
      }),
    ),
  },
  { title: 'RecentCalls' },
)

/** What the caller's account and its sub-accounts used. */
export function usageRoutes({ gateway: { usage } }: Admission): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/usage/by-tag',
      {
        schema: {
          summary: "A month's calls and cost by tag",
          tags: TAGS,
          querystring: MonthQuery,
          response: { 200: report({}, 'UsageByTag'), ...ERRORS },
        },
      },
      async ({ caller, query: { month = monthOf(new Date()) } }) => {
        const rows = await usage.by('tag', caller.accountId, daysOfMonth(month))
        return listOf(
          month,
          rows.map(({ label: tag, ...sums }) => ({ label: tag || 'untagged', tag: tag || null, ...sumsOf(sums) })),
        )
      },
    )

    app.get(
      '/v1/usage/by-sub-account',
      {
        schema: {
          summary: "A month's calls and cost by sub-account",
          tags: TAGS,
          querystring: MonthQuery,
          response: {
            200: report(
              { sub_account_id: Type.String(), external_ref: Type.Union([Type.String(), Type.Null()]) },
              'UsageBySubAccount',
            ),
            ...ERRORS,
          },
        },
      },
      async ({ caller, query: { month = monthOf(new Date()) } }) => {
        const rows = await usage.bySubAccount(caller.accountId, daysOfMonth(month))
        return listOf(
          month,
          rows.map(({ id, name, externalRef, ...sums }) => ({
            label: name,
            tag: null,
            sub_account_id: id,
            external_ref: externalRef,
            ...sumsOf(sums),
          })),
        )
      },
    )

    app.get(
      '/v1/usage/by-model',
      {
        schema: {
          summary: "A month's calls and cost by model",
          tags: TAGS,
          querystring: MonthQuery,
          response: { 200: report({ model: Type.String() }, 'UsageByModel'), ...ERRORS },
        },
      },
      async ({ caller, query: { month = monthOf(new Date()) } }) => {
        const rows = await usage.by('model', caller.accountId, daysOfMonth(month))
        return listOf(
          month,
          rows.map(({ label, ...sums }) => ({ label, model: label, tag: null, ...sumsOf(sums) })),
        )
      },
    )

    app.get(
      '/v1/usage/by-day',
      {
        schema: {
          summary: "A month's calls and cost by day, in UTC",
          tags: TAGS,
          querystring: MonthQuery,
          response: { 200: report({ date: Type.String() }, 'UsageByDay'), ...ERRORS },
        },
      },
      async ({ caller, query: { month = monthOf(new Date()) } }) => {
        const rows = await usage.by('day', caller.accountId, daysOfMonth(month))
        return listOf(
          month,
          rows.map(({ label, ...sums }) => ({ label, date: label, tag: null, ...sumsOf(sums) })),
        )
      },
    )

    app.get(
      '/v1/usage/recent',
      {
        schema: {
          summary: 'The latest calls',
          tags: TAGS,
          querystring: Type.Object({
            limit: Type.Optional(
              Type.String({ pattern: '^[1-9]\\d{0,3}$', description: 'up to 1,000; 100 if left out' }),
            ),
          }),
          response: { 200: RecentCalls, ...ERRORS },
        },
      },
      async ({ caller, query }) => {
        const calls = await usage.recent(caller.accountId, limitOf(query.limit))
        return {
          object: 'list' as const,
          data: calls.map((call) => ({
            id: call.id,
            request_id: call.request_id,
            account_id: call.account_id,
            route: call.route,
            model: call.model,
            served_by: call.served_by,
            status: call.status,
            latency_ms: call.latency_ms,
            tokens: call.tokens,
            cost_cents: centsOf(call.cost_micros),
            tag: call.tag,
            created_at: seconds(call.created_at),
          })),
        }
      },
    )
  }
}

function listOf<T>(month: string, data: T[]) {
  return { object: 'list' as const, month, data }
}

function sumsOf({ requests, tokens, costMicros }: UsageSum) {
  return { requests, tokens, cost_cents: centsOf(costMicros) }
}
