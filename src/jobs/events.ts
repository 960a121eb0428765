import type { Transaction } from 'kysely'
import type { BatchRow } from '../store/batches.ts'
import type { Database } from '../store/database.ts'
import { insertEvents } from '../store/events.ts'
import { insertDeliveries } from '../store/webhooks.ts'
import { newId } from './ids.ts'
import type { Queue } from './queue.ts'
import { eventBody } from './webhooks/event-body.ts'

/**
 * Tells an account's webhooks, and the address that the batch itself was given, that it is over. It happens if and only
 * if the transaction does; the queue is to be woken then.
 */
export async function announce(queue: Queue, transaction: Transaction<Database>, batch: BatchRow): Promise<void> {
  const event = { id: newId('evt_'), accountId: batch.account_id, type: typeOf(batch), data: dataOf(batch) }
  await insertEvents(transaction, [event])
  if (batch.webhook_url === null) return
  const delivery = {
    id: newId('whd_'),
    account_id: batch.account_id,
    endpoint_id: null,
    url: batch.webhook_url,
    event_id: event.id,
    event_type: event.type,
    body: eventBody({ ...event, createdAt: new Date() }),
  }
  await insertDeliveries(transaction, [delivery])
  await queue.send('webhook', { deliveryId: delivery.id }, { transaction })
}

function typeOf(batch: BatchRow): string {
  if (batch.kind === 'batch') return `batch.${batch.status}`
  return isJobCompleted(batch) ? 'job.completed' : 'job.failed'
}

/** A job has done what it was asked for where it has a result at all; each text says what became of it. */
export function isJobCompleted({ status, completed }: Pick<BatchRow, 'status' | 'completed'>): boolean {
  return status === 'completed' && completed > 0
}

function dataOf({ id, kind, status, total, completed, failed, ...batch }: BatchRow): Record<string, unknown> {
  const counts = { request_counts: { total, completed, failed } }
  if (kind === 'job') {
    return { id, object: 'job', status: isJobCompleted({ status, completed }) ? 'completed' : 'failed', ...counts }
  }
  const { output_file_id, error_file_id, metadata } = batch
  return { id, object: 'batch', status, output_file_id, error_file_id, metadata, ...counts }
}
