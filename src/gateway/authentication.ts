import type { IncomingHttpHeaders } from 'node:http'
import { ValenceError } from '../errors.ts'
import { type Caller, localCaller } from './caller.ts'
import { KEY_PREFIX } from './key-format.ts'
import type { KeyLookup } from './key-lookup.ts'
import type { KeyCheck } from './static-keys.ts'

/** @throws ValenceError `unauthenticated` */
export type Authenticate = (headers: IncomingHttpHeaders) => Caller | Promise<Caller>

const OPERATOR = localCaller({ isAdmin: true })
const STRANGER = localCaller({ isAdmin: false })

/**
 * Says who sends a request: the operator, whose static keys are in the environment; whoever a key of the store means; or,
 * where the server is open, a stranger, who acts as the local account but is no operator.
 *
 * A key of the store that has ended is refused by an open server too: whoever revoked it meant to shut its holder out.
 */
export function createAuthentication({
  lookup,
  isStaticKey,
  isOpen,
}: {
  lookup: KeyLookup
  isStaticKey: KeyCheck
  isOpen: boolean
}): Authenticate {
  function orStranger(caller: Caller | undefined, key: string): Caller {
    if (caller) return caller
    if (isOpen) return STRANGER
    throw unauthenticated(key)
  }

  return ({ authorization }) => {
    const key = bearerToken(authorization)
    if (key === undefined) {
      if (isOpen) return STRANGER
      throw authorization === undefined ? unauthenticated(undefined) : malformed()
    }
    if (isStaticKey(key)) return OPERATOR
    const found = lookup.find(key)
    return found instanceof Promise ? found.then((caller) => orStranger(caller, key)) : orStranger(found, key)
  }
}

function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
}

function unauthenticated(key: string | undefined): ValenceError {
  const problem = key?.startsWith(KEY_PREFIX)
    ? 'The API key is mistyped, or not of this server.'
    : 'The API key is missing or unknown. Send it as "Authorization: Bearer <key>".'
  return new ValenceError('unauthenticated', problem)
}

function malformed(): ValenceError {
  return new ValenceError('unauthenticated', 'The header Authorization must be "Bearer <key>".', {
    field: 'authorization',
    rule: 'format',
  })
}
