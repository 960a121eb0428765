import { randomUUID } from 'node:crypto'
import {
  type BatchRow,
  beginBatch,
  beginFinalizing,
  failBatch,
  leaseBatch,
  releaseLease,
  renewLease,
} from '../../store/batches.ts'
import { announce } from '../events.ts'
import type { BatchContext } from './context.ts'
import { finish } from './finish.ts'
import { LeaseLost } from './keeper.ts'
import { runSlice } from './run.ts'
import { validateInput } from './validate.ts'

/** A quarter of the time that a lease holds, so that a slow moment or two do not lose it. */
const RENEW_MS = 5000

/** The wait before a batch that found no place goes on. */
const LATER_MS = 500

/** What the queue is told of a batch. */
export type BatchWork = { batchId: string }

/** Brings a batch a step further and, where more steps are left, has the queue come back to it. */
export async function workOnBatch(context: BatchContext, { batchId }: BatchWork, signal: AbortSignal): Promise<void> {
  const { store, queue } = context
  // An owner a step, so that nothing of one that was given up can mix with the next.
  const owner = randomUUID()
  const batch = await leaseBatch(store.db, batchId, owner)
  // It is over, or in another's hands, who will come back to it.
  if (!batch) return
  const renewing = setInterval(() => void renewLease(store.db, batchId, owner).catch(() => {}), RENEW_MS)
  let next: 'over' | 'now' | 'later' = 'over'
  try {
    next = await step(context, batch, owner, signal)
  } catch (error) {
    if (!(error instanceof LeaseLost)) throw error
  } finally {
    clearInterval(renewing)
    await releaseLease(store.db, batchId, owner)
  }
  if (next === 'over') return
  await queue.send('batch', { batchId }, { key: batchId, ...(next === 'later' && { delayMs: LATER_MS }) })
}

async function step(
  context: BatchContext,
  batch: BatchRow,
  owner: string,
  signal: AbortSignal,
): Promise<'over' | 'now' | 'later'> {
  if (batch.status === 'finalizing' || batch.status === 'cancelling') {
    await finish(context, batch, owner)
    return 'over'
  }
  if (batch.expires_at.getTime() <= Date.now()) return finalize(context, batch, owner)
  if (batch.status === 'validating') return validate(context, batch, owner, signal)
  const end = await runSlice(context, batch, owner, signal)
  if (end === 'no_lines') return finalize(context, batch, owner)
  return end === 'no_place' ? 'later' : 'now'
}

async function validate(
  context: BatchContext,
  batch: BatchRow,
  owner: string,
  signal: AbortSignal,
): Promise<'over' | 'now'> {
  const { store, contents, operations, maxLineBytes, queue } = context
  const operation = operations.byPath.get(batch.endpoint)!
  const pieces = contents.read(batch.input_content_id, 0)
  const found = await validateInput(pieces, { endpoint: batch.endpoint, operation, maxLineBytes, signal })
  if ('errors' in found) {
    await store.db.transaction().execute(async (transaction) => {
      const failed = await failBatch(transaction, batch.id, owner, found.errors)
      if (failed) await announce(queue, transaction, failed)
    })
    queue.wake('webhook')
  } else await beginBatch(store.db, batch.id, owner, found)
  // Whoever cancelled it meanwhile waits for its end; of one that failed the next step finds nothing to do.
  return 'now'
}

async function finalize(context: BatchContext, batch: BatchRow, owner: string): Promise<'over' | 'now'> {
  const finalizing = await beginFinalizing(context.store.db, batch.id, owner)
  if (!finalizing) return 'now'
  await finish(context, finalizing, owner)
  return 'over'
}
