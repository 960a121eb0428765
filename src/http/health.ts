import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { ModelStatus } from '../gateway/models.ts'

const ModelHealth = Type.Object({
  id: Type.String(),
  status: Type.String({
    description: 'ready, substituted (another model answers in its place), unavailable, or remote (upstreams answer)',
  }),
  served_by: Type.Union([Type.String(), Type.Null()]),
  backend: Type.Union([Type.String(), Type.Null()], {
    description:
      'what runs the weights that answer: amx, avx512-vnni, avx-vnni or avx2 (native kernels), or onnxruntime',
  }),
  reason: Type.Union([Type.String(), Type.Null()]),
})

const StoreHealth = Type.Object({
  kind: Type.String({ description: 'embedded (PostgreSQL inside the process) or postgres (a server)' }),
  status: Type.String({ description: 'opening, open, interrupted (it comes back by itself), failed or closed' }),
})

/** How the store is, for whoever asks. */
export type StoreStatus = {
  kind: string
  state(): string
  /** whether an open one answers now */
  isReachable(): boolean
  depth(): { inUse: number; waiting: number }
}

const Health = Type.Object(
  {
    status: Type.Union([Type.Literal('ok'), Type.Literal('stopping')]),
    version: Type.String(),
    store: StoreHealth,
    models: Type.Array(ModelHealth),
  },
  { title: 'Health' },
)

const Readiness = Type.Object({ ready: Type.Boolean() }, { title: 'Readiness' })

/** `GET /health` says how the process is; `GET /ready` whether to send it traffic. */
export function healthRoutes(options: {
  version: string
  models: () => readonly ModelStatus[]
  isStopping: () => boolean
  canRun: () => boolean
  backendOf: (modelId: string) => string | undefined
  store: StoreStatus
}): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/health',
      {
        schema: {
          summary: 'The state of the server and its models',
          tags: ['Operation'],
          security: [],
          response: { 200: Health },
        },
      },
      async () => ({
        status: options.isStopping() ? ('stopping' as const) : ('ok' as const),
        version: options.version,
        store: { kind: options.store.kind, status: statusOf(options.store) },
        models: options.models().map(({ model, state, servedBy, reason }) => ({
          id: model.id,
          status: state,
          served_by: servedBy ?? null,
          backend: (servedBy && options.backendOf(servedBy)) ?? null,
          reason: reason ?? null,
        })),
      }),
    )
    app.get(
      '/ready',
      {
        schema: {
          summary: 'Whether the server takes requests',
          tags: ['Operation'],
          security: [],
          response: { 200: Readiness, 503: Readiness },
        },
      },
      async (_, reply) => {
        const ready = options.canRun() && options.store.state() !== 'failed' && !options.isStopping()
        return reply.code(ready ? 200 : 503).send({ ready })
      },
    )
  }
}

function statusOf({ state, isReachable }: StoreStatus): string {
  return state() === 'open' && !isReachable() ? 'interrupted' : state()
}
