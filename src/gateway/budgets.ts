import { ValenceError } from '../errors.ts'
import { type Budget, deleteBudget, listBudgets, setBudget } from '../store/budgets.ts'
import type { Store } from '../store/store.ts'
import { newId } from './ids.ts'
import { monthOf } from './money.ts'

export type { Budget }

/** What tags of an account may cost a month; its sub-accounts' calls count as well. */
export type Budgets = {
  /** Sets the budget of a tag; one that is there gets the new cap. */
  set(accountId: string, budget: { tag: string; monthlyCapMicros: number }): Promise<Budget>
  list(accountId: string): Promise<Budget[]>
  /** @throws ValenceError `not_found` */
  remove(which: { accountId: string; id: string }): Promise<void>
}

/** The longest tag that a call may carry. */
export const MAX_TAG_LENGTH = 64

const MAX_LISTED = 1000

export function createBudgets(opened: Promise<{ store: Store }>): Budgets {
  return {
    async set(accountId, { tag, monthlyCapMicros }) {
      const { store } = await opened
      await setBudget(store.db, { id: newId('bud'), accountId, tag, monthlyCapMicros })
      const month = monthOf(new Date())
      const [budget] = await listBudgets(store.db, { accountId, month, limit: 1, tag })
      return budget!
    },
    async list(accountId) {
      const { store } = await opened
      return listBudgets(store.db, { accountId, month: monthOf(new Date()), limit: MAX_LISTED })
    },
    async remove(which) {
      const { store } = await opened
      if (await deleteBudget(store.db, which)) return
      throw new ValenceError('not_found', `There is no budget ${JSON.stringify(which.id.slice(0, 100))}.`)
    },
  }
}
