import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { ValenceError } from '../../errors.ts'
import type { Admission } from '../../gateway/admission.ts'
import { callOf } from '../dialect.ts'
import { inspectorRoute } from './inspector.ts'
import { legacyStreamRoutes } from './legacy-stream.ts'
import { authInfoOf } from './message-sender.ts'
import { refuseForeignOrigin } from './origin.ts'
import { toolsOf } from './tools.ts'

/** Older versions of the protocol send lists of messages; each may hold a call, and all are answered together. */
const MAX_MESSAGES = 100

const Message = Type.Object({ jsonrpc: Type.Literal('2.0') }, { title: 'JsonRpcMessage' })

const MessageBody = Type.Union([Message, Type.Array(Message, { minItems: 1, maxItems: MAX_MESSAGES })])

/** Streamable HTTP without sessions: every request stands alone, so any replica can answer it. */
export function mcpRoutes(
  admission: Admission,
  { version, origins }: { version: string; origins: readonly string[] },
): FastifyPluginAsyncTypebox {
  const tools = toolsOf(admission)
  return async (app) => {
    app.addHook('onRequest', async ({ headers }) => refuseForeignOrigin(headers.origin, origins))

    const onFailure = (err: unknown) => app.log.error({ err }, 'a tool failed')
    // The SDK and what it needs are 200 files, which a server starts without; the first message waits for them.
    const sdk = () => import('./server.ts')
    const newServer = async () => (await sdk()).createMcpServer(tools, { version, onFailure })

    app.post(
      '/mcp',
      { schema: { summary: 'The Model Context Protocol, over Streamable HTTP', tags: ['MCP'], body: MessageBody } },
      async (request, reply) => {
        const server = await newServer()
        const transport = (await sdk()).createTransport()
        await server.connect(transport)
        try {
          const call = callOf(request, reply)
          const answer = await untilAborted(
            call.signal,
            transport.handleRequest(webRequest(request), { parsedBody: request.body, authInfo: authInfoOf(call) }),
          )
          const type = answer.headers.get('content-type')
          if (type !== null) reply.type(type)
          return reply
            .code(answer.status)
            .serializer(String)
            .send(await answer.text())
        } finally {
          await server.close()
        }
      },
    )
    await app.register(legacyStreamRoutes({ newServer }))
    await app.register(inspectorRoute)
  }
}

/** The transport answers when its last message is; of messages that were given up it would wait for ever. */
async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(new ValenceError('aborted', 'The client closed the connection.'))
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** What the transport wants to see of a request, whose body is read already. */
function webRequest({ headers }: FastifyRequest): Request {
  const seen = ['accept', 'content-type', 'mcp-protocol-version', 'mcp-session-id', 'last-event-id']
  const given = seen.flatMap((name) => (typeof headers[name] === 'string' ? [[name, headers[name]] as const] : []))
  return new Request('http://localhost/mcp', { method: 'POST', headers: Object.fromEntries(given) })
}
