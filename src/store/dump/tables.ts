import { type Kysely, sql } from 'kysely'
import type { Database } from '../database.ts'
import { LEFT_OUT } from './format.ts'

/** A table as a dump needs it. */
export type Table = {
  name: string
  /** those that hold values, in the table's order, with their types in SQL */
  columns: { name: string; type: string }[]
  sequences: string[]
}

/** The tables of the store, in the order of their names. The queue's have a schema of their own and are not among them. */
export async function tablesOf(db: Kysely<Database>): Promise<Table[]> {
  const { rows } = await sql<Table>`
    select c.relname as name,
      (select coalesce(jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) order by a.attnum), '[]')
        from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns,
      (select coalesce(jsonb_agg(s.relname order by s.relname), '[]')
        from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S'
        where d.refobjid = c.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')) as sequences
    from pg_class c
    where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
    order by c.relname`.execute(db)
  return rows.filter(({ name }) => !LEFT_OUT.includes(name))
}
