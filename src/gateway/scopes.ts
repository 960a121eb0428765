import type { CatalogModel } from '../catalog/catalog.ts'
import { ValenceError } from '../errors.ts'
import type { Caller } from './caller.ts'

/** @throws ValenceError `scope_exceeded` where the caller's key or account may not use the model */
export function refuseOutOfScope({ modelScopes }: Caller, model: CatalogModel): void {
  if (modelScopes.every((patterns) => patterns.some((pattern) => matches(pattern, model)))) return
  throw new ValenceError(
    'scope_exceeded',
    `This key may not use the model ${JSON.stringify(model.id)}. It may use what matches ${modelScopes.map((patterns) => patterns.join(', ')).join(', and of that ')}.`,
    { field: 'model', model: model.id },
  )
}

/** @throws ValenceError `scope_exceeded` where the caller may not change keys, sub-accounts and budgets */
export function refuseUnlessManager({ mayManage }: Caller): void {
  if (mayManage) return
  throw new ValenceError(
    'scope_exceeded',
    'This key is limited to a scope or belongs to a sub-account, and manages no keys, sub-accounts or budgets. Use a key of the account without a scope.',
  )
}

/** @throws ValenceError `scope_exceeded` where the caller is not the operator */
export function refuseUnlessAdmin({ isAdmin }: Caller): void {
  if (isAdmin) return
  throw new ValenceError('scope_exceeded', 'Only the operator may do this. Use an admin key.')
}

/** What a pattern of a scope looks like, as a regular expression. */
export const MODEL_PATTERN = '^[\\w./:@*+-]{1,200}$'

/** A pattern means a model by its id or any alias; a star stands for any characters. */
function matches(pattern: string, { id, aliases }: CatalogModel): boolean {
  const [first = '', ...others] = pattern.split('*')
  return [id, ...aliases].some((name) => (others.length === 0 ? name === first : fits(name, first, others)))
}

/** Whether a name begins with the first part, ends with the last, and has the others between, in their order. */
function fits(name: string, first: string, others: readonly string[]): boolean {
  const last = others.at(-1)!
  if (!name.startsWith(first) || name.length < first.length + last.length || !name.endsWith(last)) return false
  const end = name.length - last.length
  let from = first.length
  for (const part of others.slice(0, -1)) {
    const found = name.indexOf(part, from)
    if (found === -1 || found + part.length > end) return false
    from = found + part.length
  }
  return true
}
