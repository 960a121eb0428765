import { LRUCache } from 'lru-cache'
import { ValenceError } from '../errors.ts'
import { findEval } from '../store/evals.ts'
import type { Store } from '../store/store.ts'

/** What `eval:<id>` means as a model's name. */
export type EvalWinners = {
  /**
   * The id of the winner of an account's eval.
   *
   * @throws ValenceError `model_not_found` where there is no such eval of the account's, or it has no winner
   */
  of(accountId: string, name: string): string | Promise<string>
}

const PREFIX = 'eval:'

/** Whether a model's name is one of an eval's winner. */
export function isEval(name: string): boolean {
  return name.startsWith(PREFIX)
}

/** A winner is some hundred bytes, and never changes. */
const MAX_REMEMBERED = 10_000

export function createEvalWinners(opening: Promise<Store>): EvalWinners {
  const winners = new LRUCache<string, string>({ max: MAX_REMEMBERED })

  async function winnerOf(accountId: string, name: string): Promise<string> {
    const found = await findEval((await opening).db, accountId, name.slice(PREFIX.length))
    if (!found)
      throw new ValenceError('model_not_found', `There is no ${JSON.stringify(name.slice(0, 200))} here.`, {
        model: name,
      })
    if (found.winnerModel === null) {
      throw new ValenceError('model_not_found', `The eval of this name is ${found.status} and has no winner.`, {
        model: name,
      })
    }
    winners.set(`${accountId} ${name}`, found.winnerModel)
    return found.winnerModel
  }

  return { of: (accountId, name) => winners.get(`${accountId} ${name}`) ?? winnerOf(accountId, name) }
}
