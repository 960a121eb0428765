import { Type } from 'typebox'
import { Nullable } from './lists.ts'
import { LabelScore } from './schemas.ts'

const Block = Type.Object({ type: Type.String(), text: Type.Optional(Type.String()) })

const Message = Type.Object({
  role: Type.Union([Type.Literal('user'), Type.Literal('assistant')]),
  content: Type.Union([Type.String(), Type.Array(Block)]),
})

const Prompt = {
  model: Type.String({ minLength: 1 }),
  messages: Type.Array(Message, { minItems: 1 }),
  tools: Type.Optional(Type.Array(Type.Unknown())),
}

export const MessagesBody = Type.Object(
  {
    ...Prompt,
    max_tokens: Type.Integer({ minimum: 1, description: 'Accepted; the answer is one label' }),
    stream: Type.Optional(Type.Boolean()),
  },
  { title: 'AnthropicMessagesRequest' },
)

export const CountBody = Type.Object(Prompt, { title: 'AnthropicCountRequest' })

const Usage = Type.Object({ input_tokens: Type.Integer(), output_tokens: Type.Integer() })

export const MessagesAnswer = Type.Object(
  {
    id: Type.String(),
    type: Type.Literal('message'),
    role: Type.Literal('assistant'),
    model: Type.String(),
    content: Type.Array(Type.Object({ type: Type.Literal('text'), text: Type.String() })),
    stop_reason: Nullable(Type.Literal('end_turn')),
    stop_sequence: Type.Null(),
    usage: Usage,
    classification: Type.Array(LabelScore, { description: 'Every label with its score, best first' }),
  },
  { title: 'AnthropicMessagesResponse' },
)

export const CountAnswer = Type.Object({ input_tokens: Type.Integer() }, { title: 'AnthropicTokenCount' })
