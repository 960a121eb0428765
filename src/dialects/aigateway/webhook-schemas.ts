import { Type } from 'typebox'
import { listOf, Nullable, PageQuery } from './lists.ts'

export const WebhookSecret = Type.Object(
  {
    secret: Type.String({
      description: 'whsec_…: decode what follows whsec_ for webhook-signature, take all of it for X-Gateway-Signature',
    }),
  },
  { title: 'WebhookSecret' },
)

export const WebhookSecretRotated = Type.Object(
  {
    secret: Type.String(),
    previous_expires_at: Type.Integer({ description: 'Until then the secret before signs as well' }),
  },
  { title: 'WebhookSecretRotated' },
)

const Events = Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { minItems: 1, maxItems: 50 })

export const WebhookBody = Type.Object(
  {
    url: Type.String({ description: 'An http or https address on the public internet' }),
    events: Type.Optional(Nullable(Events)),
  },
  { title: 'WebhookRequest' },
)

export const Webhook = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('webhook'),
    url: Type.String(),
    events: Nullable(Type.Array(Type.String(), { description: 'The types that it is told of; null is all' })),
    status: Type.Union([Type.Literal('enabled'), Type.Literal('disabled')], {
      description: 'disabled once it has answered 410 Gone',
    }),
    created_at: Type.Integer(),
  },
  { title: 'Webhook' },
)

export const WebhookList = listOf(Webhook, 'WebhookList')

export const WebhookParams = Type.Object({ id: Type.String() })

export const WebhookDeleted = Type.Object(
  { id: Type.String(), object: Type.Literal('webhook'), deleted: Type.Literal(true) },
  { title: 'WebhookDeleted' },
)

const DeliveryStatus = Type.Union([Type.Literal('pending'), Type.Literal('delivered'), Type.Literal('failed')])

export const Delivery = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('webhook.delivery'),
    webhook_id: Nullable(Type.String({ description: 'null where a batch or a job was given the address' })),
    url: Type.String(),
    event_id: Type.String(),
    event_type: Type.String(),
    body: Type.String({ description: 'What was sent, to the byte' }),
    status: DeliveryStatus,
    tries: Type.Integer(),
    last_try_at: Nullable(Type.Integer()),
    last_status: Nullable(Type.Integer({ description: "The receiver's HTTP status" })),
    last_failure: Nullable(Type.String({ description: 'Why there was none' })),
    next_try_at: Nullable(Type.Integer()),
    created_at: Type.Integer(),
  },
  { title: 'WebhookDelivery' },
)

export const DeliveryList = listOf(Delivery, 'WebhookDeliveryList')

export const DeliveryQuery = Type.Object({ ...PageQuery, status: Type.Optional(DeliveryStatus) })
