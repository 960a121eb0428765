/** Does with the binding what a test asks, and tells what came of it. */
export default {
  async fetch(request, env): Promise<Response> {
    const { act, model, inputs, options } = await request.json<Asked>()
    try {
      const answer = act === 'models' ? await env.AI.models(inputs) : await env.AI.run(model as never, inputs, options)
      const isResponse = answer instanceof Response
      return Response.json({
        answer: isResponse ? await answer.json() : answer,
        contentType: isResponse ? answer.headers.get('content-type') : null,
        isStream: answer instanceof ReadableStream,
        lastRequestId: env.AI.lastRequestId,
        logId: env.AI.aiGatewayLogId,
      })
    } catch (error) {
      const { name, message } = error as Error
      return Response.json({ error: { name, message, class: (error as Error).constructor.name } })
    }
  },
} satisfies ExportedHandler<{ AI: Ai }>

type Asked = { act: 'run' | 'models'; model: string; inputs: Record<string, unknown>; options?: object }
