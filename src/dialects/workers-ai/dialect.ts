import type { Dialect } from '../dialect.ts'
import { bindingRoutes } from './binding-routes.ts'
import { renderBindingError, renderError } from './errors.ts'
import { workersAiRoutes } from './routes.ts'

/** Cloudflare Workers AI, as its REST API's clients see it. */
export const workersAi: Dialect = {
  name: 'workers-ai',
  owns: (path) => path.startsWith('/client/'),
  routes: workersAiRoutes,
  renderError,
}

/** Cloudflare Workers AI, as a worker's `env.AI` sees it. It comes before the REST API, among whose addresses it has one. */
export const workersAiBinding: Dialect = {
  name: 'workers-ai-binding',
  owns: (path) => BINDING_PATH.test(path),
  routes: bindingRoutes,
  renderError: renderBindingError,
}

const BINDING_PATH = /^\/(?:run|ai-gateway\/.*|ai-api\/.*|client\/v4\/accounts\/[^/]+\/ai\/run\/proxy)$/
