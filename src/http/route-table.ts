import type { FastifyInstance } from 'fastify'

/** Knows every route, so that a request with the wrong method can be told apart from one to the wrong address. */
export function createRouteTable(app: FastifyInstance): { methodsOf(path: string): string[] } {
  const routes: { methods: string[]; pattern: RegExp }[] = []
  app.addHook('onRoute', ({ method, url }) => {
    routes.push({ methods: [method].flat(), pattern: patternOf(url) })
  })
  return {
    methodsOf: (path) => [
      ...new Set(routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods)),
    ],
  }
}

/** `/a/:b/*` → `^/a/[^/]+/.*$` */
function patternOf(url: string): RegExp {
  const source = url
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part === '*' ? '.*' : RegExp.escape(part)))
    .join('/')
  return new RegExp(`^${source}$`)
}
