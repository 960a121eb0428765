import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { ValenceError } from '../../errors.ts'
import type { Admission } from '../../gateway/admission.ts'
import { isEval } from '../../gateway/eval-winners.ts'
import type { Operation, Operations } from '../../jobs/batches/operations.ts'
import { schemaError } from '../schema-error.ts'
import { classifyChat } from './chat.ts'
import { classifications, classifyTexts } from './classifications.ts'
import { chatCompletion } from './completion.ts'
import { renderError } from './errors.ts'
import { modelName } from './model-name.ts'
import { ChatBody, ClassificationsBody } from './schemas.ts'

/** What a batch can ask for: the routes of the same paths, without their HTTP. */
export function createOperations(admission: Admission): Operations {
  const chat = operation(admission, ChatBody, async (body, call) => {
    if (body.stream === true) {
      throw new ValenceError('invalid_request', 'A line of a batch has one answer; leave stream out.', {
        field: 'stream',
      })
    }
    const { answer, write } = await classifyChat(admission, body, call)
    const completion = chatCompletion(body, answer, write)
    const { prompt_tokens: inputTokens, completion_tokens: outputTokens } = completion.usage
    return { body: completion, inputTokens, outputTokens }
  })
  const texts = operation(admission, ClassificationsBody, async (body, call) => {
    const answer = await classifyTexts(admission, body, call)
    const list = classifications(answer)
    return { body: list, inputTokens: list.usage.prompt_tokens, outputTokens: 0 }
  })
  return {
    byPath: new Map([
      ['/v1/chat/completions', chat],
      ['/v1/classifications', texts],
    ]),
    renderError(error) {
      const { status, body } = renderError(error)
      return { status, body }
    },
  }
}

function operation<T extends TSchema>(
  admission: Admission,
  schema: T,
  run: (body: Static<T>, call: Parameters<Operation['run']>[1]) => ReturnType<Operation['run']>,
): Operation {
  const compiled = Compile(schema)
  return {
    checkModel({ model }) {
      // A name that is no text is for the schema to refuse.
      // Whose eval a name means is known when a line runs.
      if (typeof model === 'string' && isEval(model)) return
      if (model === undefined || model === null || typeof model === 'string') admission.model(modelName(model))
    },
    async run(body, call) {
      if (!compiled.Check(body)) throw schemaError(compiled.Errors(body), 'body')
      return run(body, call)
    },
  }
}
