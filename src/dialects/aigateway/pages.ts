import type { Static } from 'typebox'
import type { Page } from '../../gateway/keys.ts'
import type { ListQuery } from './account-schemas.ts'

const DEFAULT_LIMIT = 100
const MAX_LIMIT = 1000

/** What of a list a query asks for; one row more is read, which tells whether more follow. */
export function pageOf({ limit, after }: Static<typeof ListQuery>): Page {
  return { limit: limitOf(limit) + 1, after }
}

export function limitOf(limit: string | undefined): number {
  return Math.min(limit === undefined ? DEFAULT_LIMIT : Number(limit), MAX_LIMIT)
}

/** Writes rows that were read for a page as a list. */
export function listed<Row, Item>(
  rows: readonly Row[],
  page: Page,
  write: (row: Row) => Item,
): { object: 'list'; data: Item[]; has_more: boolean } {
  const data = rows.slice(0, page.limit - 1).map(write)
  return { object: 'list', data, has_more: rows.length === page.limit }
}
