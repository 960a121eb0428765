import type { Store } from '../../store/store.ts'
import { disableEndpoint, pendingDelivery, recordTry, secretsOf, type Tried } from '../../store/webhooks.ts'
import type { Queue } from '../queue.ts'
import { delayBeforeNextTryMs } from './schedule.ts'
import type { Sender, Sent } from './send.ts'
import { createSecret, signatureHeaders } from './signature.ts'

/** What the queue is told of a delivery. */
export type DeliveryWork = { deliveryId: string }

/** A receiver that says so wants nothing more, ever. */
const GONE = 410

/** Half of what is tried at once, so that one account's slow receivers leave room for the others'. */
const MAX_OF_ACCOUNT = 4

/** About how long a delivery waits while its account has as many under way as it may. */
const MAKE_ROOM_MS = 5000

type DeliveryContext = {
  store: Store
  queue: Queue
  send: Sender
  /** tries of this process, by account */
  underWay: Map<string, number>
}

/** Tries a delivery once, and has the queue come back for the next try where there is to be one. */
export async function deliver(
  { store, queue, send, underWay }: DeliveryContext,
  { deliveryId }: DeliveryWork,
  signal: AbortSignal,
): Promise<void> {
  const { db } = store
  const delivery = await pendingDelivery(db, deliveryId)
  if (!delivery) return
  if (delivery.is_disabled) {
    const failure = 'The webhook is disabled.'
    return recordTry(db, deliveryId, { status: 'failed', receiverStatus: undefined, failure, nextTryInMs: undefined })
  }
  const { account_id: accountId, endpoint_id: endpointId, url, event_id: id, body } = delivery
  const before = underWay.get(accountId) ?? 0
  if (before >= MAX_OF_ACCOUNT) {
    const delayMs = Math.round(MAKE_ROOM_MS * (0.5 + Math.random()))
    return queue.send('webhook', { deliveryId }, { delayMs, key: deliveryId })
  }
  underWay.set(accountId, before + 1)
  const sent = await trySending().finally(() => {
    const left = underWay.get(accountId)! - 1
    if (left > 0) underWay.set(accountId, left)
    else underWay.delete(accountId)
  })
  // A try that our own end broke off is none.
  signal.throwIfAborted()
  const tried = judge(sent, delivery.tries + 1)
  const { nextTryInMs } = tried
  await db.transaction().execute(async (transaction) => {
    await recordTry(transaction, deliveryId, tried)
    if (tried.receiverStatus === GONE && endpointId !== null) await disableEndpoint(transaction, endpointId)
    if (nextTryInMs !== undefined) await queue.send('webhook', { deliveryId }, { transaction, delayMs: nextTryInMs })
  })
  if (nextTryInMs !== undefined) queue.wake('webhook', nextTryInMs)

  async function trySending(): Promise<Sent> {
    const secrets = await secretsOf(db, accountId, createSecret())
    const headers = signatureHeaders(secrets, { id, body, timestampSeconds: Math.floor(Date.now() / 1000) })
    return send({ url, headers, body, signal })
  }
}

/** What a try means, and when the next one is. */
function judge(sent: Sent, tries: number): Tried {
  const receiverStatus = 'status' in sent ? sent.status : undefined
  const failure = 'failure' in sent ? sent.failure : undefined
  if (receiverStatus !== undefined && receiverStatus >= 200 && receiverStatus < 300) {
    return { status: 'delivered', receiverStatus, failure, nextTryInMs: undefined }
  }
  const isHopeless = receiverStatus === GONE || ('failure' in sent && sent.isForbidden)
  const nextTryInMs = isHopeless ? undefined : delayBeforeNextTryMs(tries)
  return { status: nextTryInMs === undefined ? 'failed' : 'pending', receiverStatus, failure, nextTryInMs }
}
