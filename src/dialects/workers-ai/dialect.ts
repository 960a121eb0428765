import type { Dialect } from '../dialect.ts'
import { renderError } from './errors.ts'
import { workersAiRoutes } from './routes.ts'

/** Cloudflare Workers AI, as its REST API's clients see it. */
export const workersAi: Dialect = {
  name: 'workers-ai',
  owns: (path) => path.startsWith('/client/'),
  routes: workersAiRoutes,
  renderError,
}
