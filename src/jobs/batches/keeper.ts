import { advanceBatch, type BatchRow, type Progress } from '../../store/batches.ts'
import type { Store } from '../../store/store.ts'

/** Another process has the batch in hand; it was gone too long from ours. */
export class LeaseLost extends Error {}

/** Keeps the results of lines, some at a time and in their order, while the next lines run. */
export type Keeper = {
  /**
   * Begins to keep the results of the lines up to one, when those before are kept.
   *
   * @returns the status that the batch had by then
   * @throws LeaseLost
   */
  keep(progress: Omit<Progress, 'from'>): Promise<BatchRow['status']>
  /**
   * Waits until everything is kept.
   *
   * @returns the status of the batch
   * @throws LeaseLost
   */
  done(): Promise<BatchRow['status']>
}

export function createKeeper({ db }: Pick<Store, 'db'>, batch: BatchRow, owner: string): Keeper {
  let readLine = batch.read_line
  let kept: Promise<BatchRow | undefined> = Promise.resolve(batch)
  const done = async () => {
    const row = await kept
    if (!row) throw new LeaseLost()
    return row.status
  }
  return {
    async keep(progress) {
      const status = await done()
      kept = advanceBatch(db, batch.id, owner, { ...progress, from: { readLine } })
      // Whoever comes next hears of a failure; until then nobody listens, and that must not end the process.
      kept.catch(() => {})
      readLine = progress.to.readLine
      return status
    },
    done,
  }
}
