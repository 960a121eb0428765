import type { ServerResponse } from 'node:http'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
// Deprecated, and so is what it speaks: it is here for clients that speak nothing else.
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import {
  CallToolRequestSchema,
  type CallToolResult,
  ErrorCode,
  type Tool as ListedTool,
  ListToolsRequestSchema,
  McpError,
} from '@modelcontextprotocol/sdk/types.js'
import { asValenceError } from '../../errors.ts'
import { callIn } from './message-sender.ts'
import { checkInput, type Tool } from './tools.ts'

/**
 * A server of the protocol, for one connection: it offers the tools, and runs them for whoever a message came from.
 *
 * @param onFailure told of failures that are not the caller's
 */
export function createMcpServer(
  tools: Readonly<Record<string, Tool>>,
  { version, onFailure }: { version: string; onFailure: (error: unknown) => void },
): Server {
  const server = new Server({ name: 'valence', version }, { capabilities: { tools: {} } })
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: Object.entries(tools).map(listed) }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal, authInfo }): Promise<CallToolResult> => {
    const tool = Object.hasOwn(tools, params.name) ? tools[params.name] : undefined
    if (!tool)
      throw new McpError(ErrorCode.InvalidParams, `There is no tool ${JSON.stringify(params.name.slice(0, 200))}.`)
    const call = callIn(authInfo)
    try {
      const input: unknown = params.arguments ?? {}
      checkInput(tool, input)
      const output = await tool.run(input, { ...call, signal: AbortSignal.any([call.signal, signal]) })
      return { content: [{ type: 'text', text: JSON.stringify(output) }], structuredContent: output }
    } catch (thrown) {
      const error = asValenceError(thrown)
      if (error.code === 'internal') onFailure(error.cause ?? error)
      // Inside the result, where a language model reads it and can do better.
      return { isError: true, content: [{ type: 'text', text: error.message }] }
    }
  })
  return server
}

/** For a request that stands alone: its answers come in the one body. */
export function createTransport(): WebStandardStreamableHTTPServerTransport {
  return new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
}

/** For a stream of answers, whose messages are posted to `path`. */
export function createStreamTransport(path: string, response: ServerResponse): SSEServerTransport {
  return new SSEServerTransport(path, response)
}

function listed([name, { description, input, output }]: [string, Tool]): ListedTool {
  return {
    name,
    description,
    inputSchema: input as ListedTool['inputSchema'],
    outputSchema: output as ListedTool['outputSchema'],
    annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  }
}
