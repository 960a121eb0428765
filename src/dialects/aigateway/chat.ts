import type { Static } from 'typebox'
import type { Admission, Answer } from '../../gateway/admission.ts'
import type { CallContext } from '../dialect.ts'
import { textToClassify } from './messages.ts'
import { modelName } from './model-name.ts'
import { type ContentWriter, contentWriter } from './response-format.ts'
import type { ChatBody } from './schemas.ts'

/**
 * Classifies what a chat request asks about, whether it came by itself or as a line of a batch.
 *
 * @returns the answer, and how the request wants it written
 * @throws ValenceError `invalid_request`, and what `admission.bring` and `admission.classify` throws
 */
export async function classifyChat(
  admission: Admission,
  body: Static<typeof ChatBody>,
  call: CallContext,
): Promise<{ answer: Answer; write: ContentWriter }> {
  const model = modelName(body.model)
  const text = textToClassify(body)
  const { id, labels } = await admission.bring({ ...call, model })
  const write = contentWriter(body.response_format, labels)
  const answer = await admission.classify({
    ...call,
    routing: body['x-routing'] ?? call.routing,
    store: call.store || body.store === true,
    model: id,
    inputs: [{ text }],
  })
  return { answer, write }
}
