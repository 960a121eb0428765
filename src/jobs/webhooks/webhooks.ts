import { ValenceError } from '../../errors.ts'
import { lockAccount } from '../../store/account-lock.ts'
import type { Page } from '../../store/files.ts'
import type { Store } from '../../store/store.ts'
import {
  type DeliveryRow,
  type DeliveryStatus,
  deleteEndpoint,
  findDelivery,
  findEndpoint,
  insertDeliveries,
  insertEndpoint,
  listDeliveries,
  listEndpoints,
  rotateSecret,
  secretsOf,
  type WebhookEndpointRow,
} from '../../store/webhooks.ts'
import { newId } from '../ids.ts'
import type { Queue } from '../queue.ts'
import { ForbiddenAddress, refuseForbiddenHost } from './addresses.ts'
import { createSecret } from './signature.ts'

export type { DeliveryRow, DeliveryStatus, WebhookEndpointRow }

/** Every event goes to each of them. */
const MAX_ENDPOINTS = 20

const MAX_URL_LENGTH = 2048

/** How long the older secret signs as well, so that receivers can change theirs in their own time. */
const OVERLAP_HOURS = 24

/** What accounts see of their webhooks. Nobody sees those of another. */
export type Webhooks = {
  secret(accountId: string): Promise<string>
  rotate(accountId: string): Promise<{ secret: string; previousUntil: Date }>
  /** @throws ValenceError `invalid_request` for an address that nothing is sent to */
  checkUrl(url: string, field: string): void
  /** @throws ValenceError `invalid_request` */
  create(accountId: string, endpoint: { url: string; events: readonly string[] | null }): Promise<WebhookEndpointRow>
  list(accountId: string): Promise<WebhookEndpointRow[]>
  /** @throws ValenceError `not_found` */
  get(accountId: string, id: string): Promise<WebhookEndpointRow>
  /** @throws ValenceError `not_found` */
  remove(accountId: string, id: string): Promise<void>
  deliveries(
    accountId: string,
    page: Page & { status: DeliveryStatus | undefined },
  ): Promise<{ rows: DeliveryRow[]; hasMore: boolean }>
  /** @throws ValenceError `not_found` */
  delivery(accountId: string, id: string): Promise<DeliveryRow>
  /** Sends an event again, under the same id. @throws ValenceError `not_found`, `conflict` */
  replay(accountId: string, id: string): Promise<DeliveryRow>
}

export function createWebhooks(
  { db }: Store,
  { queue, allowPrivate }: { queue: Queue; allowPrivate: boolean },
): Webhooks {
  const checkUrl = (url: string, field: string) => refuseUnsendable(url, field, allowPrivate)
  const get = async (accountId: string, id: string) => {
    const endpoint = await findEndpoint(db, accountId, id)
    if (!endpoint) throw notFound('webhook', id)
    return endpoint
  }
  const delivery = async (accountId: string, id: string) => {
    const found = await findDelivery(db, accountId, id)
    if (!found) throw notFound('delivery', id)
    return found
  }
  return {
    checkUrl,
    get,
    delivery,
    secret: async (accountId) => (await secretsOf(db, accountId, createSecret()))[0]!,
    async rotate(accountId) {
      const secret = createSecret()
      const previousUntil = await rotateSecret(db, accountId, { secret, overlapHours: OVERLAP_HOURS })
      return { secret, previousUntil }
    },
    async create(accountId, { url, events }) {
      checkUrl(url, 'url')
      return db.transaction().execute(async (transaction) => {
        await lockAccount(transaction, accountId, 'webhooks')
        if ((await listEndpoints(transaction, accountId)).length >= MAX_ENDPOINTS) {
          throw new ValenceError(
            'invalid_request',
            `An account may have at most ${MAX_ENDPOINTS} webhooks; delete one.`,
          )
        }
        return insertEndpoint(transaction, { id: newId('whe_'), accountId, url, events })
      })
    },
    list: (accountId) => listEndpoints(db, accountId),
    async remove(accountId, id) {
      if (!(await deleteEndpoint(db, accountId, id))) throw notFound('webhook', id)
    },
    async deliveries(accountId, page) {
      const rows = await listDeliveries(db, accountId, page)
      return { rows: rows.slice(0, page.limit), hasMore: rows.length > page.limit }
    },
    async replay(accountId, id) {
      const { endpoint_id, url, event_id, event_type, body } = await delivery(accountId, id)
      if (endpoint_id !== null && (await get(accountId, endpoint_id)).disabled_at !== null) {
        throw new ValenceError('conflict', 'The webhook is disabled, since it answered 410 Gone; create it anew.')
      }
      const again = { id: newId('whd_'), account_id: accountId, endpoint_id, url, event_id, event_type, body }
      await db.transaction().execute(async (transaction) => {
        await insertDeliveries(transaction, [again])
        await queue.send('webhook', { deliveryId: again.id }, { transaction })
      })
      queue.wake('webhook')
      return delivery(accountId, again.id)
    },
  }
}

function refuseUnsendable(address: string, field: string, allowPrivate: boolean): void {
  const refuse = (message: string) => new ValenceError('invalid_request', `${field} ${message}`, { field })
  const url = URL.parse(address)
  if (address.length > MAX_URL_LENGTH || !url || !['http:', 'https:'].includes(url.protocol)) {
    throw refuse(`must be an http or https address of at most ${MAX_URL_LENGTH} characters.`)
  }
  if (url.username !== '' || url.password !== '') throw refuse('must not hold a user name or a password.')
  if (allowPrivate) return
  try {
    // What a name leads to is looked at each time that something is sent.
    refuseForbiddenHost(url.hostname)
  } catch (error) {
    if (error instanceof ForbiddenAddress) throw refuse('must lead to the public internet.')
    throw error
  }
}

function notFound(kind: string, id: string): ValenceError {
  return new ValenceError('not_found', `There is no ${kind} ${id.slice(0, 100)}.`)
}
