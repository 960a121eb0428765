import type { IncomingHttpHeaders } from 'node:http'
import type { Static } from 'typebox'
import { ValenceError } from '../../errors.ts'
import type { Activation, Call, TextInput } from '../../gateway/admission.ts'
import type { ClassifyBody } from './schemas.ts'

type Body = Static<typeof ClassifyBody>
type Parameters = NonNullable<Body['parameters']>

const ACTIVATIONS: readonly Activation[] = ['sigmoid', 'softmax', 'none']

const STRATEGIES = ['longest_first', 'only_first', 'only_second'] as const

/** What the pipeline calls it when nothing is to be cut. */
const NOT_AT_ALL = 'do_not_truncate'

/** The texts of a request, and how they are cut. */
export function textsOf({ inputs, parameters }: Body): TextInput[] {
  const limit = parameters ? limitOf(parameters) : undefined
  const list = Array.isArray(inputs) ? inputs : [inputs]
  return list.map((input) =>
    typeof input === 'string'
      ? { text: input, limit }
      : { text: input.text, pair: input.text_pair ?? undefined, limit },
  )
}

/**
 * The function that makes scores of logits; the pipeline takes its name in any case.
 *
 * @throws ValenceError `invalid_request`
 */
export function activationOf({ parameters }: Body): Activation | undefined {
  const name = parameters?.function_to_apply
  if (name === null || name === undefined) return undefined
  const found = ACTIVATIONS.find((activation) => activation === name.toLowerCase())
  return found ?? refuse('function_to_apply', `one of ${ACTIVATIONS.join(', ')}`)
}

/**
 * What the request's headers, or older clients' options, say of how it is answered.
 *
 * | header | option | means |
 * | --- | --- | --- |
 * | x-use-cache: false | use_cache: false | compute anew, and keep nothing |
 * | x-wait-for-model: true | wait_for_model: true | wait for the model as long as a request may take |
 * | x-load-model: 0 | – | do not load the model for this |
 */
export function wishesOf(headers: IncomingHttpHeaders, { options }: Body): Pick<Call, 'cache' | 'patience'> {
  const refusesCache = options?.use_cache === false || saysNo(headers['x-use-cache'])
  return {
    ...(refusesCache && { cache: 'skip' as const }),
    patience: {
      waitsForModel: options?.wait_for_model === true || saysYes(headers['x-wait-for-model']),
      mayLoad: !saysNo(headers['x-load-model']),
    },
  }
}

/**
 * As the pipeline's tokenizer reads them: a length alone means that texts are cut there, and `padding` changes no score.
 * Where nothing is said, a text is cut to what the model reads, and the answer says so; `truncation: true` without a length
 * cuts it to its tokenizer's `model_max_length`, which may be less.
 */
function limitOf({ truncation, max_length: maxLength, padding }: Parameters): TextInput['limit'] {
  if (typeof padding === 'string' && !['longest', 'max_length', 'do_not_pad'].includes(padding))
    refuse('padding', 'true, false, longest, max_length or do_not_pad')
  if (truncation === false || truncation === NOT_AT_ALL) return { refusesCut: true }
  const name = truncation === true ? 'longest_first' : (truncation ?? undefined)
  const strategy = STRATEGIES.find((known) => known === name)
  if (name !== undefined && strategy === undefined)
    refuse('truncation', `true, false, ${STRATEGIES.join(', ')} or ${NOT_AT_ALL}`)
  if (strategy === undefined && typeof maxLength !== 'number') return undefined
  return { ...(strategy && { strategy }), ...(typeof maxLength === 'number' && { maxTokens: maxLength }) }
}

function refuse(parameter: string, choices: string): never {
  throw new ValenceError('invalid_request', `parameters.${parameter} must be ${choices}.`, {
    field: `parameters.${parameter}`,
  })
}

function saysNo(header: string | string[] | undefined): boolean {
  return ['false', '0'].includes(String(header).toLowerCase())
}

function saysYes(header: string | string[] | undefined): boolean {
  return ['true', '1'].includes(String(header).toLowerCase())
}
