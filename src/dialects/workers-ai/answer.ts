import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Admission, type Answer, tokensOf } from '../../gateway/admission.ts'
import { callOf, describeAnswer } from '../dialect.ts'
import { identityOf } from './identity.ts'
import { neuronsOf } from './neurons.ts'

/** Classifies one text, and says in Cloudflare's headers which request it was and what it counts. */
export async function classifyText(
  admission: Admission,
  { model, text }: { model: string; text: string },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Answer['results'][number]['scores']> {
  const answer = await admission.classify({ ...callOf(request, reply), model, inputs: [{ text }] })
  describeAnswer(reply, answer)
  reply.headers({ ...identityOf(request.id), 'cf-ai-neurons': neuronsOf(tokensOf(answer.results)).toFixed(6) })
  return answer.results[0]!.scores
}
