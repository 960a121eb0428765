import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js'
import type { CallContext } from '../dialect.ts'

/** Carries who asks along with a message; the SDK has one place for it. */
export function authInfoOf(call: CallContext): AuthInfo {
  return { token: '', clientId: call.caller.accountId, scopes: [], extra: { call } }
}

/** Who a message came from. */
export function callIn(authInfo: AuthInfo | undefined): CallContext {
  return authInfo!.extra!.call as CallContext
}
