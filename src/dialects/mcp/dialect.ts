import type { Dialect } from '../dialect.ts'
import { renderError } from './errors.ts'
import { mcpRoutes } from './routes.ts'

/**
 * The Model Context Protocol, by which agents find and call tools.
 *
 * @param options.origins of web pages, beside those of this machine, whose scripts may call it
 */
export function mcp(options: { version: string; origins: readonly string[] }): Dialect {
  return {
    name: 'mcp',
    owns: (path) => path === '/mcp' || path.startsWith('/mcp/'),
    routes: (admission) => mcpRoutes(admission, options),
    renderError,
  }
}
