import { ValenceError } from '../../errors.ts'

/**
 * Which answer a client reads: `plain` JSON (workerd's own `Ai` class), JSON in `gzip` whose headers do not say so
 * (@cloudflare/ai 1.1), or `tensors` (@cloudflare/ai 1.0).
 */
export type BindingForm = 'plain' | 'gzip' | 'tensors'

/** What `env.AI` and its forerunners ask of a model. */
export type BindingRequest = {
  form: BindingForm
  /** what the model is to be given; not yet validated */
  inputs: unknown
  /** whether they are to be queued */
  isQueued: boolean
}

/** The text in 1.0's tensors, `{type: "str", shape: [1], name: "input_text", value: ["…"]}`. */
const TEXT_TENSOR = 'input_text'

/**
 * Finds in a body of the binding's wire what the REST API has as its whole body.
 *
 * @param version `version` in the address: 3 of workerd's own `Ai` class, 2 of @cloudflare/ai 1.1; 1.0 has none
 */
export function readBindingBody(body: unknown, version: string | null): BindingRequest {
  const fields = isObject(body) ? body : {}
  if (Array.isArray(fields.input)) return { form: 'tensors', inputs: { text: textIn(fields.input) }, isQueued: false }
  const isQueued = isObject(fields.options) && fields.options.queueRequest === true
  return { form: version === '2' ? 'gzip' : 'plain', inputs: fields.inputs ?? {}, isQueued }
}

function textIn(tensors: unknown[]): unknown {
  const tensor = tensors.find((candidate) => isObject(candidate) && candidate.name === TEXT_TENSOR)
  return isObject(tensor) && Array.isArray(tensor.value) ? tensor.value[0] : undefined
}

/**
 * The model in `cf-consn-model-id`, which may have a prefix: `dev:@cf/huggingface/distilbert-sst-2-int8`.
 *
 * @throws ValenceError `body_missing`, which stands for headers too in this dialect
 */
export function modelIn(header: string | string[] | undefined): string {
  if (typeof header !== 'string' || header === '')
    throw new ValenceError('body_missing', 'The header cf-consn-model-id names the model; it is missing.')
  return header.slice(header.lastIndexOf(':') + 1)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
