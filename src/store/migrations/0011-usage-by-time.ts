import type { Migration } from '../migrate.ts'

/** Calls come in by time, so that a few pages of index find the old ones among millions. */
export const usageByTime: Migration = {
  id: 11,
  name: 'usage by time',
  sql: 'create index usage_calls_by_time on usage_calls using brin (created_at)',
}
