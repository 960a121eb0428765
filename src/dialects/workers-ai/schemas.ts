import { Type } from 'typebox'

export const RunParams = Type.Object({
  account: Type.String({ description: 'Any account id: this server has one tenant.' }),
  '*': Type.String({ description: 'The model, its slashes raw or encoded.' }),
})

export const RunBody = Type.Object(
  { text: Type.String({ minLength: 1, description: 'The text that you want to classify' }) },
  { title: 'TextClassificationInput' },
)

const LabelScore = Type.Object({
  label: Type.String({ description: "The classification label assigned to the text (e.g., 'POSITIVE' or 'NEGATIVE')" }),
  score: Type.Number({ description: 'Confidence score, from 0 to 1' }),
})

export const RunAnswer = Type.Object(
  {
    result: Type.Array(LabelScore, { description: "In the model's own order of labels, which is not by score" }),
    success: Type.Literal(true),
    errors: Type.Array(Type.Unknown()),
    messages: Type.Array(Type.Unknown()),
  },
  { title: 'TextClassificationOutput' },
)

export const ErrorBody = Type.Object(
  {
    result: Type.Object({}),
    success: Type.Literal(false),
    errors: Type.Array(Type.Object({ code: Type.Integer(), message: Type.String() })),
    messages: Type.Array(Type.Unknown()),
  },
  { title: 'WorkersAiError' },
)
