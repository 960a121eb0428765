import { sql } from 'kysely'
import { openStore } from '../../src/store/store.ts'

/**
 * A process that writes to a store until it is killed: batches of rows, each in a transaction, and a line with the batch's number when it
 * is acknowledged. Between them it does what the embedded store does for itself from time to time.
 */
const store = await openStore({
  dataDir: process.env.VALENCE_DATA_DIR!,
  databaseUrl: process.env.DATABASE_URL || undefined,
})
await store.executeSql(`
  create table if not exists written (batch integer not null, part integer not null, content text not null, primary key (batch, part));
  create table if not exists total (batches integer not null);
  insert into total select 0 where not exists (select from total);`)
const { rows } = await store.executeSql('select batches from total')

for (let batch = (rows[0] as { batches: number }).batches; ; batch++) {
  await store.db.transaction().execute(async (transaction) => {
    for (const part of [0, 1, 2]) {
      const content = String(batch * 3 + part).repeat(200)
      await sql`insert into written values (${batch}, ${part}, ${content})`.execute(transaction)
    }
    await sql`update total set batches = batches + 1`.execute(transaction)
  })
  process.stdout.write(`${batch}\n`)
  if (batch % 40 === 39) await store.executeSql('checkpoint')
  if (batch % 100 === 99) await store.executeSql('vacuum (analyze) total')
}
