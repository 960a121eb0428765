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
          truncation: Type.Optional(
            Type.Union([Type.Null(), Type.Boolean(), Type.String()], {
              description:
                'true or longest_first, only_first, only_second: how a text that is too long is cut; false or do_not_truncate: it is refused',
            }),
          ),
          max_length: Type.Optional(
            Type.Union([Type.Null(), Type.Integer({ minimum: 1 })], {
              description: 'The tokens that are read, special ones included, where that is fewer than the model reads',
            }),
          ),
          padding: Type.Optional(
            Type.Union([Type.Null(), Type.Boolean(), Type.String()], {
              description: 'Accepted; padding changes no score here',
            }),
          ),
          top_k: Type.Optional(
            Type.Union([Type.Null(), Type.Integer({ minimum: 0 })], {
              description: 'How many labels to answer, best first; null is all. 5 where it is not given.',
            }),
          ),
          return_all_scores: Type.Optional(
            Type.Union([Type.Null(), Type.Boolean()], {
              description: 'The older word for top_k: true is null and false is 1, where top_k is not given',
            }),
          ),
        }),
      ]),
    ),
    options: Type.Optional(
      Type.Union([
        Type.Null(),
        Type.Object({
          wait_for_model: Type.Optional(
            Type.Union([
              Type.Null(),
              Type.Boolean({ description: 'true waits for a model that is loading as long as a request may take' }),
            ]),
          ),
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

export const StatusAnswer = Type.Object(
  {
    loaded: Type.Boolean(),
    state: Type.Union([Type.Literal('Loaded'), Type.Literal('Loadable'), Type.Literal('TooBig')]),
    compute_type: Type.Literal('cpu'),
    framework: Type.Literal('transformers', {
      description: "Clients look for it; the model's files are of that library",
    }),
  },
  { title: 'ModelStatus' },
)
