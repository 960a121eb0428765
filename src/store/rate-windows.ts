import { type Kysely, sql } from 'kysely'
import type { Database } from './database.ts'

/**
 * Reads the windows of subjects, lets them be changed, and writes them back, all under their rows' locks, so that the
 * requests of every process are counted one after another. The locks are taken in one order, and the time is the store's.
 *
 * @param change is handed the windows by subject (undefined for a new one) and the time in ms; returns those to write
 */
export async function changeRateWindows<Window>(
  db: Kysely<Database>,
  subjects: readonly string[],
  change: (windows: Map<string, Window | undefined>, nowMs: number) => Map<string, Window>,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ subject: string; rate_window: Window | null; now_ms: number }>`
      insert into rate_windows (subject, rate_window)
      select subject, 'null'::jsonb from unnest(${[...subjects]}::text[]) as subject order by subject
      on conflict (subject) do update set updated_at = clock_timestamp()
      returning subject, rate_window, (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms`.execute(trx)
    const windows = new Map(rows.map(({ subject, rate_window }) => [subject, rate_window ?? undefined]))
    // The last row was locked last, so its time is after every other process's.
    const nowMs = Math.max(...rows.map(({ now_ms }) => now_ms))
    const changed = [...change(windows, nowMs)].map(([subject, window]) => ({ subject, window }))
    if (changed.length === 0) return
    await sql`
      update rate_windows set rate_window = new.window
      from jsonb_to_recordset(${JSON.stringify(changed)}::jsonb) as new(subject text, "window" jsonb)
      where rate_windows.subject = new.subject`.execute(trx)
  })
}

/** Forgets windows that nobody has touched for longer than they remember. */
export async function deleteIdleRateWindows(db: Kysely<Database>): Promise<void> {
  await sql`
    delete from rate_windows where subject in (
      select subject from rate_windows where updated_at < clock_timestamp() - interval '5 minutes'
      for update skip locked)`.execute(db)
}
