import type { Dialect } from '../dialect.ts'
import { renderError } from './errors.ts'
import { huggingFaceRoutes } from './routes.ts'

const ROOTS = ['/models', '/hf-inference', '/pipeline', '/status']

/** The Hugging Face Inference API for text classification. */
export const huggingFace: Dialect = {
  name: 'huggingface',
  owns: (path) => path === '/' || ROOTS.some((root) => path === root || path.startsWith(`${root}/`)),
  routes: huggingFaceRoutes,
  renderError,
}
