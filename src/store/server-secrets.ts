import type { Kysely } from 'kysely'
import type { Database } from './database.ts'

/** Keeps a secret under a name, unless there is one already; returns the one that is kept, the same to every process. */
export async function keepServerSecret(db: Kysely<Database>, name: string, fresh: string): Promise<string> {
  await db
    .insertInto('server_secrets')
    .values({ name, value: fresh })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  return (await findServerSecret(db, name))!
}

export async function findServerSecret(db: Kysely<Database>, name: string): Promise<string | undefined> {
  const row = await db.selectFrom('server_secrets').select('value').where('name', '=', name).executeTakeFirst()
  return row?.value
}
