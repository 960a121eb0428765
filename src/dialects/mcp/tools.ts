import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { DEFAULT_MODEL_ID } from '../../catalog/catalog.ts'
import { ValenceError } from '../../errors.ts'
import type { Admission } from '../../gateway/admission.ts'
import { rateLimited } from '../../gateway/limits.ts'
import { type CallContext, ranked } from '../dialect.ts'

/** Something that an agent can call. */
export type Tool = {
  description: string
  input: TSchema
  output: TSchema
  /**
   * @param input as the schema says
   * @throws ValenceError
   */
  run(input: never, call: CallContext): Promise<Record<string, unknown>>
}

const Text = Type.String({ minLength: 1 })

const ClassifyInput = Type.Object(
  {
    input: Type.Union([Text, Type.Array(Text, { minItems: 1 })], { description: 'A text, or a list of texts' }),
    model: Type.Optional(Type.String({ minLength: 1, description: 'As list_models names them' })),
  },
  { additionalProperties: false },
)

const LabelScore = Type.Object({ label: Type.String(), score: Type.Number() })

const ClassifyOutput = Type.Object({
  model: Type.String(),
  results: Type.Array(
    Type.Object({
      label: Type.String({ description: 'The best label' }),
      score: Type.Number(),
      scores: Type.Array(LabelScore, { description: 'Every label, best first' }),
    }),
  ),
})

const NoInput = Type.Object({}, { additionalProperties: false })

const ModelsOutput = Type.Object({
  models: Type.Array(Type.Object({ id: Type.String(), description: Type.String(), labels: Type.Array(Type.String()) })),
})

export function toolsOf(admission: Admission): Record<string, Tool> {
  return {
    classify: {
      description: 'Classifies text into labels with scores, such as the sentiment POSITIVE or NEGATIVE.',
      input: ClassifyInput,
      output: ClassifyOutput,
      async run({ input, model = DEFAULT_MODEL_ID }: Static<typeof ClassifyInput>, call) {
        // A message may hold several calls, so that they are counted here and not with their request.
        const verdict = await admission.takeFromLimits(call.caller, 'mcp')
        if (verdict?.admitted === false) throw rateLimited(verdict)
        const inputs = [input].flat().map((text) => ({ text }))
        const answer = await admission.classify({ ...call, model, inputs })
        const results = answer.results.map((result) => {
          const scores = ranked(result)
          return { ...scores[0]!, scores }
        })
        return { model: answer.model.id, results }
      },
    },
    list_models: {
      description: 'Lists the models that classify can use, and their labels.',
      input: NoInput,
      output: ModelsOutput,
      async run() {
        const models = admission.models().map(({ model: { id, description, labels } }) => ({ id, description, labels }))
        return { models }
      },
    },
  }
}

/** @throws ValenceError `invalid_request` that says what is wrong with the arguments */
export function checkInput({ input }: Tool, given: unknown): asserts given is never {
  const finding = [...Value.Errors(input, given)][0]
  if (finding === undefined) return
  const field = finding.instancePath.slice(1).replaceAll('/', '.') || 'arguments'
  throw new ValenceError('invalid_request', `${field} ${finding.message}.`, { field })
}
