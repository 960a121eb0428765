import { Type } from 'typebox'

const Text = Type.String({ minLength: 1 })

/** A text as a list of one, or a pair of texts. */
const Texts = Type.Array(Text, { minItems: 1, maxItems: 2 })

export const PredictBody = Type.Object(
  {
    inputs: Type.Union([Text, Texts, Type.Array(Texts, { minItems: 1 })], {
      description:
        'A text; a pair [text, text]; or a batch of such [[text], [text, text], …]. A list of two texts is a pair.',
    }),
    raw_scores: Type.Optional(
      Type.Union([Type.Null(), Type.Boolean({ description: 'true answers logits; false where it is not given' })]),
    ),
    truncate: Type.Optional(
      Type.Union([Type.Null(), Type.Boolean()], {
        description: 'false refuses a text that is too long; cut, and said to be, where it is not given',
      }),
    ),
    truncation_direction: Type.Optional(
      Type.Union([
        Type.Null(),
        Type.String({ pattern: '^([Ll]eft|[Rr]ight)$', description: 'Which end of a text is left out; Right' }),
      ]),
    ),
    model: Type.Optional(
      Type.String({ minLength: 1, description: 'A model other than the usual one, which that server has no word for' }),
    ),
  },
  { title: 'PredictRequest' },
)

const Prediction = Type.Object({ label: Type.String(), score: Type.Number() })

export const PredictAnswer = Type.Union([Type.Array(Prediction), Type.Array(Type.Array(Prediction))], {
  title: 'PredictResponse',
  description: 'Labels best first; one list for a text or pair, a list of lists for a batch',
})

export const InfoAnswer = Type.Object(
  {
    model_id: Type.String(),
    model_sha: Type.Union([Type.String(), Type.Null()]),
    model_dtype: Type.Literal('int8'),
    model_type: Type.Object({
      classifier: Type.Object({
        id2label: Type.Record(Type.String(), Type.String()),
        label2id: Type.Record(Type.String(), Type.Integer()),
      }),
    }),
    max_input_length: Type.Integer(),
    max_client_batch_size: Type.Integer(),
    auto_truncate: Type.Literal(true),
    version: Type.String(),
  },
  { title: 'Info' },
)

export const ErrorBody = Type.Object(
  { error: Type.String(), error_type: Type.String() },
  { title: 'TextEmbeddingsInferenceError' },
)
