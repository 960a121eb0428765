import type { Dialect } from '../dialect.ts'
import { renderError } from './errors.ts'
import type { AiGatewayParts } from './parts.ts'
import { aiGatewayRoutes } from './routes.ts'

/** AIGateway's OpenAI-compatible API; addresses that are nobody's are refused in its shape as well. */
export function aiGateway(parts: AiGatewayParts): Dialect {
  return {
    name: 'aigateway',
    owns: () => true,
    routes: (admission) => aiGatewayRoutes(admission, parts),
    renderError,
  }
}
