import { createHash } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Caller } from '../../gateway/caller.ts'
import { ErrorBody, TokenAnswer } from './schemas.ts'

const VALID = { code: 10_000, message: 'This API Token is valid and active', type: null }

/** How Cloudflare's tools ask whether a token works before they use it. A key that does not never comes as far. */
export const tokenRoutes: FastifyPluginAsyncTypebox = async (app) => {
  for (const url of ['/client/v4/user/tokens/verify', '/client/v4/accounts/:account/tokens/verify']) {
    app.get(
      url,
      {
        schema: {
          summary: 'Cloudflare: whether a token is valid',
          tags: ['Workers AI'],
          response: { 200: TokenAnswer, '4xx': ErrorBody, '5xx': ErrorBody },
        },
      },
      async ({ caller }) => ({
        result: { id: tokenId(caller), status: 'active' as const },
        success: true as const,
        errors: [],
        messages: [VALID],
      }),
    )
  }
}

/** The same for a key as long as it lives, in the form of Cloudflare's ids: 32 hexadecimal digits. */
function tokenId({ keyId, accountId }: Caller): string {
  return createHash('sha256')
    .update(keyId ?? accountId)
    .digest('hex')
    .slice(0, 32)
}
