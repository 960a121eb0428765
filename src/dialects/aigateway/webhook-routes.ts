import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Jobs } from '../../jobs/jobs.ts'
import type { DeliveryRow, WebhookEndpointRow } from '../../jobs/webhooks/webhooks.ts'
import { listAnswer, pageOf, unixSeconds } from './lists.ts'
import { ErrorBody } from './schemas.ts'
import {
  Delivery,
  DeliveryList,
  DeliveryQuery,
  Webhook,
  WebhookBody,
  WebhookDeleted,
  WebhookList,
  WebhookParams,
  WebhookSecret,
  WebhookSecretRotated,
} from './webhook-schemas.ts'

const ERRORS = { '4xx': ErrorBody, '5xx': ErrorBody }

const PAGE = { most: 100, usual: 20 }

const tags = ['Webhooks']

/** What an account wants to be told, where, and what became of it. */
export function webhookRoutes(jobs: Promise<Jobs>): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/webhook-secret',
      { schema: { summary: 'Tell the secret that signs webhooks', tags, response: { 200: WebhookSecret, ...ERRORS } } },
      async ({ caller }) => ({ secret: await (await jobs).webhooks.secret(caller.accountId) }),
    )

    app.post(
      '/v1/webhook-secret/rotate',
      {
        schema: {
          summary: 'Replace the secret that signs webhooks',
          description: 'For 24 hours the secret before signs as well, so that receivers can change theirs.',
          tags,
          response: { 200: WebhookSecretRotated, ...ERRORS },
        },
      },
      async ({ caller }) => {
        const { secret, previousUntil } = await (await jobs).webhooks.rotate(caller.accountId)
        return { secret, previous_expires_at: unixSeconds(previousUntil) }
      },
    )

    app.post(
      '/v1/webhooks',
      {
        schema: {
          summary: 'Have an address told of events',
          tags,
          body: WebhookBody,
          response: { 201: Webhook, ...ERRORS },
        },
      },
      async ({ caller, body: { url, events = null } }, reply) => {
        const endpoint = await (await jobs).webhooks.create(caller.accountId, { url, events })
        return reply.code(201).send(webhookObject(endpoint))
      },
    )

    app.get(
      '/v1/webhooks',
      { schema: { summary: 'List the webhooks', tags, response: { 200: WebhookList, ...ERRORS } } },
      async ({ caller }) => listAnswer((await (await jobs).webhooks.list(caller.accountId)).map(webhookObject), false),
    )

    app.get(
      '/v1/webhooks/:id',
      { schema: { summary: 'Describe a webhook', tags, params: WebhookParams, response: { 200: Webhook, ...ERRORS } } },
      async ({ caller, params }) => webhookObject(await (await jobs).webhooks.get(caller.accountId, params.id)),
    )

    app.delete(
      '/v1/webhooks/:id',
      {
        schema: {
          summary: 'Delete a webhook',
          tags,
          params: WebhookParams,
          response: { 200: WebhookDeleted, ...ERRORS },
        },
      },
      async ({ caller, params: { id } }) => {
        await (await jobs).webhooks.remove(caller.accountId, id)
        return { id, object: 'webhook' as const, deleted: true as const }
      },
    )

    app.get(
      '/v1/webhooks/deliveries',
      {
        schema: {
          summary: 'List what was sent to webhooks, or is to be',
          tags,
          querystring: DeliveryQuery,
          response: { 200: DeliveryList, ...ERRORS },
        },
      },
      async ({ caller, query }) => {
        const page = { ...pageOf(query, PAGE), status: query.status }
        const { rows, hasMore } = await (await jobs).webhooks.deliveries(caller.accountId, page)
        return listAnswer(rows.map(deliveryObject), hasMore)
      },
    )

    app.get(
      '/v1/webhooks/deliveries/:id',
      {
        schema: { summary: 'Describe a delivery', tags, params: WebhookParams, response: { 200: Delivery, ...ERRORS } },
      },
      async ({ caller, params }) => deliveryObject(await (await jobs).webhooks.delivery(caller.accountId, params.id)),
    )

    app.post(
      '/v1/webhooks/deliveries/:id/replay',
      {
        schema: {
          summary: 'Send an event again',
          description: 'The event has the same id as before, so that its receiver can tell.',
          tags,
          params: WebhookParams,
          response: { 201: Delivery, ...ERRORS },
        },
      },
      async ({ caller, params }, reply) => {
        const delivery = await (await jobs).webhooks.replay(caller.accountId, params.id)
        return reply.code(201).send(deliveryObject(delivery))
      },
    )
  }
}

function webhookObject({ id, url, events, created_at, disabled_at }: WebhookEndpointRow) {
  return {
    id,
    object: 'webhook' as const,
    url,
    events,
    status: disabled_at === null ? ('enabled' as const) : ('disabled' as const),
    created_at: unixSeconds(created_at),
  }
}

function deliveryObject(delivery: DeliveryRow) {
  const time = (at: Date | null) => at && unixSeconds(at)
  const { id, url, event_id, event_type, body, status, tries, last_status, last_failure } = delivery
  return {
    id,
    object: 'webhook.delivery' as const,
    webhook_id: delivery.endpoint_id,
    url,
    event_id,
    event_type,
    body,
    status,
    tries,
    last_try_at: time(delivery.last_try_at),
    last_status,
    last_failure,
    next_try_at: time(delivery.next_try_at),
    created_at: unixSeconds(delivery.created_at),
  }
}
