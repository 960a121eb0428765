import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Admission } from '../../gateway/admission.ts'
import { type Caller, walletOf } from '../../gateway/caller.ts'
import { type KeyRow, noSuchKey } from '../../gateway/keys.ts'
import { refuseUnlessAdmin, refuseUnlessManager } from '../../gateway/scopes.ts'
import { keyFields, keyObject, newKeyFields } from './account-objects.ts'
import { ById, Deleted, ERRORS, Key, KeyBody, KeyChanges, KeyListQuery, listOf, NewKey } from './account-schemas.ts'
import { listed, pageOf } from './pages.ts'

const TAGS = ['Keys']

/** The keys of an account and of its sub-accounts. */
export function keyRoutes({ gateway }: Admission): FastifyPluginAsyncTypebox {
  const { keys, accounts } = gateway

  /**
   * A key of the caller's, of a sub-account of theirs, or, for the operator, of anybody. An operator's key is another
   * operator's only: whoever could rotate it would be one.
   */
  async function keyWithin(caller: Caller, id: string): Promise<KeyRow> {
    if (caller.isAdmin) return keys.find({ id, reach: 'all' })
    const key = await keys.find({ id, reach: caller.accountId })
    return key.is_admin ? noSuchKey(id) : key
  }

  /** @throws ValenceError `not_found` where the caller has nothing to do with the account */
  async function accountWithin(caller: Caller, id: string | null | undefined): Promise<string> {
    if (id === undefined || id === null || id === caller.accountId) return caller.accountId
    return (await accounts.find({ id, reach: caller.isAdmin ? 'all' : caller.accountId })).id
  }

  return async (app) => {
    app.post(
      '/v1/keys',
      { schema: { summary: 'Make a key', tags: TAGS, body: KeyBody, response: { 201: NewKey, ...ERRORS } } },
      async ({ caller, body }, reply) => {
        refuseUnlessManager(caller)
        const isAdmin = body.is_admin === true
        if (isAdmin) refuseUnlessAdmin(caller)
        const accountId = await accountWithin(caller, body.account_id)
        const { key, secret } = await keys.create({ ...newKeyFields(body), accountId, isAdmin })
        return reply.code(201).send({ ...keyObject(key), key: secret })
      },
    )

    app.get(
      '/v1/keys',
      {
        schema: {
          summary: 'List the keys of an account',
          tags: TAGS,
          querystring: KeyListQuery,
          response: { 200: listOf(Key, 'KeyList'), ...ERRORS },
        },
      },
      async ({ caller, query }) => {
        refuseUnlessManager(caller)
        const page = pageOf(query)
        const accountId = await accountWithin(caller, query.account_id)
        return listed(await keys.list(accountId, page, { withAdmin: caller.isAdmin }), page, keyObject)
      },
    )

    app.get(
      '/v1/keys/:id',
      { schema: { summary: 'Get a key', tags: TAGS, params: ById, response: { 200: Key, ...ERRORS } } },
      async ({ caller, params }) => {
        refuseUnlessManager(caller)
        return keyObject(await keyWithin(caller, params.id))
      },
    )

    app.patch(
      '/v1/keys/:id',
      {
        schema: {
          summary: 'Change what a key may do',
          tags: TAGS,
          params: ById,
          body: KeyChanges,
          response: { 200: Key, ...ERRORS },
        },
      },
      async ({ caller, params, body }) => {
        refuseUnlessManager(caller)
        const { id, account_id: accountId } = await keyWithin(caller, params.id)
        return keyObject(await keys.update({ id, accountId }, keyFields(body)))
      },
    )

    app.delete(
      '/v1/keys/:id',
      { schema: { summary: 'Revoke a key', tags: TAGS, params: ById, response: { 200: Deleted, ...ERRORS } } },
      async ({ caller, params }) => {
        refuseUnlessManager(caller)
        const { id, account_id: accountId } = await keyWithin(caller, params.id)
        await keys.revoke({ id, accountId })
        return { id, status: 'ok' as const, deleted: true as const }
      },
    )

    app.post(
      '/v1/keys/:id/rotate',
      {
        schema: {
          summary: "Make a key's next secret",
          description: 'The present secret dies when the new one is first used. Any key may rotate itself.',
          tags: TAGS,
          params: ById,
          response: { 200: NewKey, ...ERRORS },
        },
      },
      async ({ caller, params }) => {
        if (caller.keyId !== params.id) refuseUnlessManager(caller)
        const { id, account_id: accountId } = await keyWithin(caller, params.id)
        const { key, secret } = await keys.rotate({ id, accountId }, walletOf(caller))
        return { ...keyObject(key), key: secret }
      },
    )
  }
}
