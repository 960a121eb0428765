import type { Store } from '../../store/store.ts'
import {
  endpointsOf,
  insertDeliveries,
  markDispatched,
  type NewDelivery,
  type TakenEvent,
  takeEvents,
  type WebhookEndpointRow,
} from '../../store/webhooks.ts'
import { newId } from '../ids.ts'
import type { Queue } from '../queue.ts'
import { eventBody } from './event-body.ts'

const EVENTS_AT_ONCE = 100

/** Makes deliveries of the events in the outbox: one for each webhook that wants to be told. */
export async function relayEvents({ store, queue }: { store: Store; queue: Queue }): Promise<void> {
  for (;;) {
    const taken = await store.db.transaction().execute(async (transaction) => {
      const events = await takeEvents(transaction, EVENTS_AT_ONCE)
      if (events.length === 0) return 0
      const endpoints = await endpointsOf(transaction, [...new Set(events.map(({ accountId }) => accountId))])
      const deliveries = events.flatMap((event) =>
        endpoints.filter((endpoint) => wants(endpoint, event)).map((endpoint) => deliveryOf(event, endpoint)),
      )
      await insertDeliveries(transaction, deliveries)
      for (const { id } of deliveries) await queue.send('webhook', { deliveryId: id }, { transaction })
      await markDispatched(
        transaction,
        events.map(({ id }) => id),
      )
      return events.length
    })
    if (taken > 0) queue.wake('webhook')
    if (taken < EVENTS_AT_ONCE) return
  }
}

/** Whether a webhook is to be told of an event: one of its account's, of a type that it asked for, since it is there. */
function wants({ account_id: accountId, events, created_at: since }: WebhookEndpointRow, event: TakenEvent): boolean {
  return accountId === event.accountId && since <= event.createdAt && (events === null || events.includes(event.type))
}

function deliveryOf(event: TakenEvent, endpoint: WebhookEndpointRow): NewDelivery {
  return {
    id: newId('whd_'),
    account_id: event.accountId,
    endpoint_id: endpoint.id,
    url: endpoint.url,
    event_id: event.id,
    event_type: event.type,
    body: eventBody(event),
  }
}
