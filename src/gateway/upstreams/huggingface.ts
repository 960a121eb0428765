import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { inPath, type Protocol } from './protocol.ts'
import { UpstreamError } from './request.ts'

const Rankings = Type.Array(Type.Array(Type.Object({ label: Type.String(), score: Type.Number() })))

/** The Inference API: a list of texts in one request, pairs and activations included. */
export const huggingFaceUpstream: Protocol = {
  canAsk: () => true,
  async ask({ model, labels, inputs, activation }, post) {
    const answer = await post(`/models/${inPath(model)}`, {
      inputs: inputs.map(({ text, pair }) => (pair === undefined ? text : { text, text_pair: pair })),
      parameters: { top_k: labels.length, ...(activation !== undefined && { function_to_apply: activation }) },
    })
    if (!Value.Check(Rankings, answer) || answer.length !== inputs.length)
      throw new UpstreamError('failed', 'its answer is not one ranking of labels for each text')
    return answer.map((scores) => ({ scores, tokens: undefined }))
  },
}
