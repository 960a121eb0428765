import type { Dialect } from '../dialect.ts'
import { bindingRoutes } from './binding-routes.ts'
import { renderBindingError, renderError } from './errors.ts'
import { workersAiRoutes } from './routes.ts'

/**
 * Cloudflare Workers AI, as its REST API's clients see it.
 *
 * @param answersItems whether results have the form of the documentation of 2023
 */
export function workersAi(options: { answersItems: boolean }): Dialect {
  return {
    name: 'workers-ai',
    owns: (path) => path.startsWith('/client/'),
    routes: (admission) => workersAiRoutes(admission, options),
    renderError,
  }
}

/** Cloudflare Workers AI, as a worker's `env.AI` sees it. It comes before the REST API, among whose addresses it has one. */
export const workersAiBinding: Dialect = {
  name: 'workers-ai-binding',
  owns: (path) => BINDING_PATH.test(path),
  routes: bindingRoutes,
  renderError: renderBindingError,
}

const BINDING_PATH = /^\/(?:run|ai-gateway\/.*|ai-api\/.*|client\/v4\/accounts\/[^/]+\/ai\/run\/proxy)$/
