import type { Dialect } from '../dialect.ts'
import { renderError } from './errors.ts'
import { aiGatewayRoutes } from './routes.ts'

/** AIGateway's OpenAI-compatible API; addresses that are nobody's are refused in its shape as well. */
export const aiGateway: Dialect = {
  name: 'aigateway',
  owns: () => true,
  routes: aiGatewayRoutes,
  renderError,
}
