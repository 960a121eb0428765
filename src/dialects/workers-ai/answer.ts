import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Admission, LabelScore } from '../../gateway/admission.ts'
import { tokensOf } from '../../gateway/admission.ts'
import { callOf, describeAnswer } from '../dialect.ts'
import type { Allocation } from './allocation.ts'
import { identityOf } from './identity.ts'
import { neuronsOf } from './neurons.ts'

/** Classifies one text, and says in Cloudflare's headers which request it was and what it counts. */
export type ClassifyText = (
  call: { model: string; text: string },
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<LabelScore[]>

export function createClassify(admission: Admission, allocation: Allocation): ClassifyText {
  return async ({ model, text }, request, reply) => {
    await allocation(request.caller, admission.gateway.usage)
    const answer = await admission.classify({ ...callOf(request, reply), model, inputs: [{ text }] })
    describeAnswer(reply, answer)
    reply.headers({ ...identityOf(request.id), 'cf-ai-neurons': neuronsOf(tokensOf(answer.results)).toFixed(6) })
    return answer.results[0]!.scores
  }
}
