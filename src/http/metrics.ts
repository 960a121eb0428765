import type { FastifyInstance } from 'fastify'
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** From a cached answer to a request that the time limit ends. */
const DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Counts and times every request by its route, and serves the figures to Prometheus at `GET /metrics`. */
export function addMetrics(
  app: FastifyInstance,
  depth: {
    engine: () => { waiting: number; waitingInBackground: number; running: number }
    store: () => { waiting: number; inUse: number }
  },
): void {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const duration = new Histogram({
    name: 'valence_http_request_duration_seconds',
    help: 'Time from the request line to the end of the answer',
    labelNames: ['method', 'route', 'status'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [registry],
  })
  // Registered by its construction, and asked when the figures are.
  void new Gauge({
    name: 'valence_texts',
    help: 'Texts in the engine, by state',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { waiting, waitingInBackground, running } = depth.engine()
      this.set({ state: 'waiting' }, waiting)
      this.set({ state: 'waiting_in_background' }, waitingInBackground)
      this.set({ state: 'running' }, running)
    },
  })
  void new Gauge({
    name: 'valence_store_connections',
    help: 'Connections to the store in use, and callers who wait for one',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { inUse, waiting } = depth.store()
      this.set({ state: 'in_use' }, inUse)
      this.set({ state: 'waiting' }, waiting)
    },
  })
  app.addHook('onResponse', (request, reply, done) => {
    // The pattern, not the address: an address is the client's, and would grow the series without end.
    const route = request.route.url ?? 'none'
    duration.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000)
    done()
  })
  app.get(
    '/metrics',
    { schema: { summary: 'Figures for Prometheus', tags: ['Operation'], security: [] } },
    async (_, reply) => reply.type(registry.contentType).send(await registry.metrics()),
  )
}
