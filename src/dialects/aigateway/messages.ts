import type { Static } from 'typebox'
import { ValenceError } from '../../errors.ts'
import type { ChatBody } from './schemas.ts'

type Chat = Static<typeof ChatBody>
type Content = Chat['messages'][number]['content']

/** What of a request asks something; Anthropic's Messages have less of it. */
type Prompt = Pick<Chat, 'messages'> & Partial<Chat>

/**
 * The text to classify: the text parts of the last message of the user. Other messages are ignored, since a classifier
 * takes no instructions and has no memory.
 *
 * @throws ValenceError `invalid_request` where there is no such text, or the request asks for what no classifier can do
 */
export function textToClassify(body: Prompt): string {
  refuseWhatNoClassifierCan(body)
  const index = body.messages.findLastIndex((message) => message.role === 'user')
  if (index === -1)
    throw invalid('messages', 'messages holds no message with the role "user"; its text is what is classified.')
  const text = textOf(body.messages[index]!.content, `messages[${index}].content`)
  if (text === '')
    throw invalid(`messages[${index}].content`, 'The last message of the user holds no text to classify.')
  return text
}

function textOf(content: Content, field: string): string {
  if (typeof content === 'string') return content
  const parts = (content ?? []).map((part, index) => {
    if (part.type !== 'text') {
      throw invalid(
        `${field}[${index}]`,
        `A part of the type ${JSON.stringify(part.type.slice(0, 50))} cannot be classified; this model reads text only.`,
      )
    }
    if (part.text === undefined) throw invalid(`${field}[${index}].text`, 'A part of the type "text" must have a text.')
    return part.text
  })
  return parts.join('\n')
}

function refuseWhatNoClassifierCan({
  tools,
  tool_choice: toolChoice,
  functions,
  modalities,
  audio,
}: Partial<Chat>): void {
  if (tools?.length) throw invalid('tools', 'This model is a classifier and calls no tools; leave tools out.')
  if (functions?.length)
    throw invalid('functions', 'This model is a classifier and calls no functions; leave functions out.')
  if (toolChoice && toolChoice !== 'none' && toolChoice !== 'auto') {
    throw invalid('tool_choice', 'This model is a classifier and calls no tools; leave tool_choice out.')
  }
  if (audio) throw invalid('audio', 'This model is a classifier and answers in text only; leave audio out.')
  const other = modalities?.find((modality) => modality !== 'text')
  if (other !== undefined) throw invalid('modalities', 'This model is a classifier and answers in text only.')
}

function invalid(field: string, message: string): ValenceError {
  return new ValenceError('invalid_request', message, { field })
}
