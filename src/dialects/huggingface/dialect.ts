import type { Dialect } from '../dialect.ts'
import { renderError } from './errors.ts'
import { huggingFaceRoutes } from './routes.ts'

const PREFIXES = ['/models/', '/hf-inference/', '/pipeline/']

/** The Hugging Face Inference API for text classification. */
export const huggingFace: Dialect = {
  name: 'huggingface',
  owns: (path) => PREFIXES.some((prefix) => path.startsWith(prefix)),
  routes: huggingFaceRoutes,
  renderError,
}
