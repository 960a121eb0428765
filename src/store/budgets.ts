import { type Kysely, sql } from 'kysely'
import type { Database } from './database.ts'

/** What a tag of an account may cost a month, and what it has cost. */
export type Budget = { id: string; tag: string; monthlyCapMicros: number; spentMicros: number; createdAt: Date }

/** Sets the budget of a tag, or changes it. */
export async function setBudget(
  db: Kysely<Database>,
  { id, accountId, tag, monthlyCapMicros }: { id: string; accountId: string; tag: string; monthlyCapMicros: number },
): Promise<void> {
  await db
    .insertInto('tag_budgets')
    .values({ id, account_id: accountId, tag, monthly_cap_micros: monthlyCapMicros })
    .onConflict((conflict) =>
      conflict.columns(['account_id', 'tag']).doUpdateSet({ monthly_cap_micros: monthlyCapMicros }),
    )
    .execute()
}

/** An account's budgets (or that of one tag), at most `limit`, with what was spent in a month. */
export async function listBudgets(
  db: Kysely<Database>,
  { accountId, month, limit, tag }: { accountId: string; month: string; limit: number; tag?: string },
): Promise<Budget[]> {
  return db
    .selectFrom('tag_budgets')
    .leftJoin('spending', (join) =>
      join
        .onRef('spending.wallet_id', '=', 'tag_budgets.account_id')
        .onRef('spending.subject', '=', 'tag_budgets.tag')
        .on('spending.kind', '=', 'tag')
        .on('spending.month', '=', month),
    )
    .where('account_id', '=', accountId)
    .$if(tag !== undefined, (query) => query.where('tag_budgets.tag', '=', tag!))
    .select([
      'id',
      'tag',
      'monthly_cap_micros as monthlyCapMicros',
      'created_at as createdAt',
      sql<number>`coalesce(spent_micros, 0)`.as('spentMicros'),
    ])
    .orderBy('tag')
    .limit(limit)
    .execute()
}

export async function deleteBudget(
  db: Kysely<Database>,
  { accountId, id }: { accountId: string; id: string },
): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('tag_budgets')
    .where('account_id', '=', accountId)
    .where('id', '=', id)
    .executeTakeFirst()
  return numDeletedRows > 0n
}
