import type { Jobs } from '../../jobs/jobs.ts'
import type { Dialect } from '../dialect.ts'
import { createAllocation } from './allocation.ts'
import { createRunModel } from './answer.ts'
import { bindingRoutes } from './binding-routes.ts'
import { renderBindingError, renderError } from './errors.ts'
import { workersAiRoutes } from './routes.ts'

export type WorkersAiOptions = {
  /** whether results have the form of the documentation of 2023 */
  answersItems: boolean
  /** what an account may use a day; 0 is no bound */
  dailyNeurons: number
  /** what a body may have that is not a queue's */
  maxBodyBytes: number
  /** what outlives a request; whoever needs it waits until the store is open */
  jobs: Promise<Jobs>
}

/** The ways in, which have one limit together. */
export const WORKERS_AI_NAMES = ['workers-ai-binding', 'workers-ai'] as const

/**
 * Cloudflare Workers AI, as a worker's `env.AI` sees it, and as its REST API's clients do. The binding comes first: it has
 * an address among the REST API's.
 */
export function workersAiDialects({ answersItems, dailyNeurons, maxBodyBytes, jobs }: WorkersAiOptions): Dialect[] {
  const [binding, rest] = WORKERS_AI_NAMES
  const allocation = createAllocation(dailyNeurons)
  return [
    {
      name: binding,
      owns: (path) => BINDING_PATH.test(path),
      routes: (admission) =>
        bindingRoutes(admission, { maxBodyBytes, run: createRunModel(admission, allocation, jobs) }),
      renderError: renderBindingError,
    },
    {
      name: rest,
      owns: (path) => path.startsWith('/client/'),
      routes: (admission) =>
        workersAiRoutes(admission, { answersItems, maxBodyBytes, run: createRunModel(admission, allocation, jobs) }),
      renderError,
    },
  ]
}

const BINDING_PATH = /^\/(?:run|ai-gateway\/.*|ai-api\/.*|client\/v4\/accounts\/[^/]+\/ai\/run\/proxy)$/
