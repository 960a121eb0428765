import { Type } from 'typebox'
import { ValenceError } from '../../errors.ts'

/** How OpenAI's clients ask for a part of a list. A query's values are text; what is none of these is refused. */
export const PageQuery = {
  after: Type.Optional(Type.String({ description: 'The id of the last object of the part before' })),
  limit: Type.Optional(Type.String({ pattern: '^[0-9]{1,5}$', description: 'How many objects to answer at most' })),
  order: Type.Optional(Type.Union([Type.Literal('asc'), Type.Literal('desc')], { default: 'desc' })),
}

/** A part of a list, as OpenAI's clients page through it. */
export const listOf = <T extends Parameters<typeof Type.Array>[0]>(item: T, title: string) =>
  Type.Object(
    {
      object: Type.Literal('list'),
      data: Type.Array(item),
      first_id: Nullable(Type.String()),
      last_id: Nullable(Type.String()),
      has_more: Type.Boolean(),
    },
    { title },
  )

export const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) => Type.Union([type, Type.Null()])

/** @throws ValenceError `invalid_request` for a limit out of bounds */
export function pageOf(
  { after, limit, order = 'desc' }: { after?: string; limit?: string; order?: 'asc' | 'desc' },
  { most, usual }: { most: number; usual: number },
): { after: string | undefined; limit: number; order: 'asc' | 'desc' } {
  const count = limit === undefined ? usual : Number(limit)
  if (count < 1 || count > most) {
    throw new ValenceError('invalid_request', `limit must be from 1 to ${most}.`, { field: 'limit' })
  }
  return { after, limit: count, order }
}

export function listAnswer<T extends { id: string }>(data: T[], hasMore: boolean) {
  return {
    object: 'list' as const,
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: hasMore,
  }
}

/** Seconds since 1970, as OpenAI gives times. */
export function unixSeconds(time: Date): number {
  return Math.floor(time.getTime() / 1000)
}
