import { Type } from 'typebox'

export const ModelParams = Type.Object({ '*': Type.String({ description: 'The model, its slash raw or encoded.' }) })

const Pair = Type.Object({ text: Type.String(), text_pair: Type.Optional(Type.Union([Type.String(), Type.Null()])) })

const Input = Type.Union([Type.String(), Pair])

export const ClassifyBody = Type.Object(
  {
    inputs: Type.Union([Type.String(), Pair, Type.Array(Input, { minItems: 1 })], {
      description: 'A text, a pair of texts, or a list of them',
    }),
    parameters: Type.Optional(
      Type.Union([
        Type.Null(),
        Type.Object({
          function_to_apply: Type.Optional(
            Type.Union([Type.Null(), Type.String({ description: 'sigmoid, softmax or none, in any case' })]),
          ),
          top_k: Type.Optional(
            Type.Union([Type.Null(), Type.Integer({ minimum: 1 })], {
              description: 'How many labels to answer, best first; null is all. 5 where it is not given.',
            }),
          ),
        }),
      ]),
    ),
    options: Type.Optional(
      Type.Union([
        Type.Null(),
        Type.Object({
          use_cache: Type.Optional(
            Type.Union([Type.Null(), Type.Boolean({ description: 'false computes anew; true where it is not given' })]),
          ),
        }),
      ]),
    ),
  },
  { title: 'TextClassificationRequest' },
)

const LabelScore = Type.Object({ label: Type.String(), score: Type.Number() })

export const Rankings = Type.Array(Type.Array(LabelScore), {
  title: 'TextClassificationResponse',
  description: 'One ranking a text, best label first; a lone text is a list of one as well',
})

export const ErrorBody = Type.Object(
  { error: Type.String(), estimated_time: Type.Optional(Type.Number()) },
  { title: 'HuggingFaceError' },
)
