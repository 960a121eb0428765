import type { Static } from 'typebox'
import { ValenceError } from '../../errors.ts'
import type { ChatBody, LabelScore } from './schemas.ts'

type ResponseFormat = Static<typeof ChatBody>['response_format']
type Score = Static<typeof LabelScore>

/** Writes a ranking of labels as the content of a message. */
export type ContentWriter = (ranking: Score[]) => string

/** What the JSON answer holds, whatever a schema asks for. */
const OWN_FIELDS = ['label', 'score', 'scores']

type JsonSchema = NonNullable<NonNullable<NonNullable<ResponseFormat>['json_schema']>['schema']>

const asLabel: ContentWriter = (ranking) => ranking[0]!.label
const asJson: ContentWriter = (ranking) => JSON.stringify({ ...ranking[0]!, scores: ranking })

/**
 * Chooses how to write the answer: the bare label, or `{"label", "score", "scores"}` for JSON.
 *
 * A schema that requires one field whose values are the labels, as clients make it of a choice between them, is answered
 * in that field, in the schema's own spelling.
 *
 * @param labels the model's
 * @throws ValenceError `invalid_request` for a schema that no answer of a classifier can satisfy: an object of another
 *   shape would be worse than none
 */
export function contentWriter(format: ResponseFormat, labels: readonly string[]): ContentWriter {
  const type = format?.type ?? 'text'
  if (type === 'text') return asLabel
  if (type === 'json_object') return asJson
  if (type !== 'json_schema') {
    throw invalid('response_format.type', 'response_format.type must be text, json_object or json_schema.')
  }
  const schema = format?.json_schema?.schema ?? {}
  return choiceAmong(schema, labels) ?? ownFields(schema, labels)
}

function choiceAmong(
  { required = [], properties = {} }: JsonSchema,
  labels: readonly string[],
): ContentWriter | undefined {
  const [field] = required
  if (field === undefined || required.length > 1) return undefined
  const values = enumOf(properties, field)
  if (values === undefined) return undefined
  const spelling = new Map(
    labels.map((label) => [label, values.find((value) => String(value).toUpperCase() === label.toUpperCase())]),
  )
  if ([...spelling.values()].includes(undefined)) return undefined
  return (ranking) => JSON.stringify({ [field]: spelling.get(ranking[0]!.label) })
}

/** The classifier's own fields, or those of them that a closed schema declares. */
function ownFields(schema: JsonSchema, labels: readonly string[]): ContentWriter {
  const { required = [], properties = {}, additionalProperties } = schema
  const spelled = enumOf(properties, 'label') ?? labels
  if (!required.every((field) => OWN_FIELDS.includes(field)) || !labels.every((label) => spelled.includes(label))) {
    throw invalid(
      'response_format.json_schema',
      `A classifier answers with the fields ${OWN_FIELDS.join(', ')}, or with one field that has the labels ${labels.join(', ')} as its enum; this schema asks for something else.`,
    )
  }
  if (additionalProperties !== false) return asJson
  return (ranking) => {
    const whole = Object.entries({ ...ranking[0]!, scores: ranking })
    return JSON.stringify(Object.fromEntries(whole.filter(([field]) => Object.hasOwn(properties, field))))
  }
}

function enumOf(properties: Record<string, unknown>, field: string): unknown[] | undefined {
  const values = Object.hasOwn(properties, field) ? (properties[field] as { enum?: unknown } | null)?.enum : undefined
  return Array.isArray(values) ? values : undefined
}

function invalid(field: string, message: string): ValenceError {
  return new ValenceError('invalid_request', message, { field })
}
