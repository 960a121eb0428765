import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { inPath, type Protocol } from './protocol.ts'
import { UpstreamError } from './request.ts'

const RunAnswer = Type.Object({ result: Type.Array(Type.Object({ label: Type.String(), score: Type.Number() })) })

/** Workers AI: a text a request, and the model's own activation. */
export const workersAiUpstream: Protocol = {
  canAsk: ({ inputs, activation }) => activation === undefined && inputs.every(({ pair }) => pair === undefined),
  ask: ({ model, inputs }, post) =>
    Promise.all(
      inputs.map(async ({ text }) => {
        const answer = await post(`/ai/run/${inPath(model)}`, { text })
        if (!Value.Check(RunAnswer, answer)) throw new UpstreamError('failed', 'its answer has no list of labels')
        return { scores: answer.result, tokens: undefined }
      }),
    ),
}
