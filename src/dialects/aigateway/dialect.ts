import type { Evals } from '../../jobs/evals/evals.ts'
import type { Replays } from '../../jobs/replays/replays.ts'
import type { Dialect } from '../dialect.ts'
import { renderError } from './errors.ts'
import { aiGatewayRoutes } from './routes.ts'

/** AIGateway's OpenAI-compatible API; addresses that are nobody's are refused in its shape as well. */
export function aiGateway(comparisons: { evals: Evals; replays: Replays }): Dialect {
  return {
    name: 'aigateway',
    owns: () => true,
    routes: (admission) => aiGatewayRoutes(admission, comparisons),
    renderError,
  }
}
