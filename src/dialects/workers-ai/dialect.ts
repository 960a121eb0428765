import type { Dialect } from '../dialect.ts'
import { createAllocation } from './allocation.ts'
import { createClassify } from './answer.ts'
import { bindingRoutes } from './binding-routes.ts'
import { renderBindingError, renderError } from './errors.ts'
import { workersAiRoutes } from './routes.ts'

export type WorkersAiOptions = {
  /** whether results have the form of the documentation of 2023 */
  answersItems: boolean
  /** what an account may use a day; 0 is no bound */
  dailyNeurons: number
}

/**
 * Cloudflare Workers AI, as a worker's `env.AI` sees it, and as its REST API's clients do. The binding comes first: it has
 * an address among the REST API's.
 */
export function workersAiDialects({ answersItems, dailyNeurons }: WorkersAiOptions): Dialect[] {
  const allocation = createAllocation(dailyNeurons)
  return [
    {
      name: 'workers-ai-binding',
      owns: (path) => BINDING_PATH.test(path),
      routes: (admission) => bindingRoutes(admission, createClassify(admission, allocation)),
      renderError: renderBindingError,
    },
    {
      name: 'workers-ai',
      owns: (path) => path.startsWith('/client/'),
      routes: (admission) =>
        workersAiRoutes(admission, { answersItems, classify: createClassify(admission, allocation) }),
      renderError,
    },
  ]
}

const BINDING_PATH = /^\/(?:run|ai-gateway\/.*|ai-api\/.*|client\/v4\/accounts\/[^/]+\/ai\/run\/proxy)$/
