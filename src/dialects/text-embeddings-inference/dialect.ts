import type { Dialect } from '../dialect.ts'
import { renderError } from './errors.ts'
import { type ServerFacts, textEmbeddingsInferenceRoutes } from './routes.ts'

/** How Hugging Face's text-embeddings-inference classifies, so that its users can move here. */
export function textEmbeddingsInference(facts: ServerFacts): Dialect {
  return {
    name: 'text-embeddings-inference',
    owns: (path) => path === '/predict' || path === '/info',
    routes: (admission) => textEmbeddingsInferenceRoutes(admission, facts),
    renderError,
  }
}
