import type { Generated } from 'kysely'
import type { ComparisonTables } from './comparison-tables.ts'
import type { GatewayTables } from './gateway-tables.ts'
import type { JobTables } from './job-tables.ts'

/**
 * The tables, as Kysely's types. Each subject adds its own tables here with the migration that makes them.
 *
 * An int8 or numeric column is a `number` here: `value-types.ts` sees to that on both stores.
 */
export interface Database extends GatewayTables, JobTables, ComparisonTables {
  schema_migrations: {
    /** the migration's number */
    id: number
    name: string
    applied_at: Generated<Date>
  }
}
