import type { Store } from '../store/store.ts'
import { insertUsage } from '../store/usage.ts'
import { createMeter } from './meter.ts'
import { openUsageJournal } from './usage-journal.ts'

/**
 * Hands to the store what processes that were killed had metered and not stored yet, as the next start of a server would.
 *
 * @throws what the store says where it does not take it
 */
export async function storeWhatWasLeftBehind({ db }: Store, journalDir: string): Promise<void> {
  const meter = createMeter({
    journal: openUsageJournal(journalDir),
    insert: (records) => insertUsage(db, records),
    onFailure() {},
  })
  try {
    await meter.start()
  } finally {
    await meter.stop()
  }
}
