import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import type { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { Type } from 'typebox'
import { ValenceError } from '../../errors.ts'
import { callOf } from '../dialect.ts'
import { authInfoOf } from './message-sender.ts'

/** Each holds a connection and a server for as long as its client likes. */
const MAX_STREAMS = 100

/** Proxies close what stands still for a minute. */
const KEEP_ALIVE_MS = 15_000

/** Of a client that sends messages, but does not read the answers. */
const MAX_UNREAD_BYTES = 4_194_304

const MessageQuery = Type.Object({ sessionId: Type.String() })

type Stream = { transport: SSEServerTransport; accountId: string; unreadBytes(): number }

/** The protocol as it was before Streamable HTTP: answers come by a stream of events, messages by requests of their own. */
export function legacyStreamRoutes({ newServer }: { newServer: () => Promise<Server> }): FastifyPluginAsyncTypebox {
  const streams = new Map<string, Stream>()
  return async (app) => {
    app.addHook('preClose', async () => {
      for (const { transport } of streams.values()) await transport.close()
    })

    app.get(
      '/mcp/sse',
      { schema: { summary: 'The Model Context Protocol, over its older stream of events', tags: ['MCP'] } },
      async (request, reply) => {
        const { createStreamTransport } = await import('./server.ts')
        const server = await newServer()
        if (streams.size >= MAX_STREAMS) {
          throw new ValenceError(
            'busy',
            `There are ${MAX_STREAMS} streams already. Use POST /mcp, or try again later.`,
            {
              retryAfterSeconds: 5,
            },
          )
        }
        reply.hijack()
        const transport = createStreamTransport('/mcp/message', reply.raw)
        streams.set(transport.sessionId, {
          transport,
          accountId: request.caller.accountId,
          unreadBytes: () => reply.raw.writableLength,
        })
        const keepAlive = setInterval(() => reply.raw.write(': still here\n\n'), KEEP_ALIVE_MS)
        reply.raw.once('close', () => {
          clearInterval(keepAlive)
          streams.delete(transport.sessionId)
          void server.close()
        })
        await server.connect(transport)
      },
    )

    app.post(
      '/mcp/message',
      {
        schema: {
          summary: 'A message to a server whose answers come by /mcp/sse',
          tags: ['MCP'],
          querystring: MessageQuery,
          body: Type.Object({ jsonrpc: Type.Literal('2.0') }),
        },
      },
      async (request, reply) => {
        const stream = streams.get(request.query.sessionId)
        if (stream?.accountId !== request.caller.accountId)
          throw new ValenceError('not_found', 'There is no such stream; open one by GET /mcp/sse.')
        if (stream.unreadBytes() > MAX_UNREAD_BYTES)
          throw new ValenceError('busy', 'Read the answers of the stream before you send more messages.')
        // The work goes on after this request's answer, until the stream closes.
        const call = { ...callOf(request, reply), signal: new AbortController().signal }
        await stream.transport.handleMessage(request.body, { authInfo: authInfoOf(call) })
        return reply.code(202).serializer(String).send('Accepted')
      },
    )
  }
}
