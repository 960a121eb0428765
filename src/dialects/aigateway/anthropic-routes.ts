import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import { type Admission, type Answer, tokensOf } from '../../gateway/admission.ts'
import { callOf, describeAnswer, ranked } from '../dialect.ts'
import { CountAnswer, CountBody, MessagesAnswer, MessagesBody } from './anthropic-schemas.ts'
import { textToClassify } from './messages.ts'
import { ErrorBody } from './schemas.ts'

const ERRORS = { '4xx': ErrorBody, '5xx': ErrorBody }

const tags = ['Anthropic']

/** The label is the one token that a classifier says. */
const OUTPUT_TOKENS = 1

/** Anthropic's Messages, which AIGateway takes as well: the last user message is answered with its label. */
export function anthropicRoutes(admission: Admission): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/messages',
      {
        config: { classifies: true },
        schema: {
          summary: "Classify the last user message, in the shape of Anthropic's Messages",
          tags,
          body: MessagesBody,
          response: { 200: MessagesAnswer, ...ERRORS },
        },
      },
      async (request, reply) => {
        const { model, stream = false } = request.body
        const text = textToClassify(request.body)
        const answer = await admission.classify({ ...callOf(request, reply), model, inputs: [{ text }] })
        describeAnswer(reply, answer)
        const message = messageOf(answer)
        if (!stream) return message
        reply.header('content-type', 'text/event-stream; charset=utf-8').header('cache-control', 'no-cache')
        return reply.serializer(String).send(eventsOf(message) as never)
      },
    )

    app.post(
      '/v1/messages/count_tokens',
      {
        schema: {
          summary: 'Count the tokens that a model would read',
          tags,
          body: CountBody,
          response: { 200: CountAnswer, ...ERRORS },
        },
      },
      async (request, reply) => {
        const call = { ...callOf(request, reply), model: request.body.model }
        return { input_tokens: await admission.countTokens(call, textToClassify(request.body)) }
      },
    )
  }
}

type Message = Static<typeof MessagesAnswer>

function messageOf(answer: Answer): Message {
  const ranking = ranked(answer.results[0]!)
  return {
    id: `msg_${randomUUID().replaceAll('-', '')}`,
    type: 'message',
    role: 'assistant',
    model: answer.model.id,
    content: [{ type: 'text', text: ranking[0]!.label }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: tokensOf(answer.results), output_tokens: OUTPUT_TOKENS },
    classification: ranking,
  }
}

/** The same as server-sent events, each under its name. */
function eventsOf(message: Message): string {
  const { content, stop_reason, stop_sequence, usage } = message
  const { text } = content[0]!
  const start = { ...message, content: [], stop_reason: null, usage: { ...usage, output_tokens: 0 } }
  const events = [
    { type: 'message_start', message: start },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason, stop_sequence }, usage: { output_tokens: usage.output_tokens } },
    { type: 'message_stop' },
  ]
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('')
}
