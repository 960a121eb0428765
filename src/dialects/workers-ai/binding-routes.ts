import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { createGzip, gzip } from 'node:zlib'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ValenceError } from '../../errors.ts'
import type { Admission, LabelScore } from '../../gateway/admission.ts'
import { longestBody, type RunModel, type RunResult } from './answer.ts'
import { type BindingForm, modelIn, readBindingBody } from './binding-body.ts'
import { sendIdentity } from './identity.ts'
import { listModels } from './model-list.ts'
import { AnyRunBody, BindingError, LabelScores, ModelSearch, ModelSearchAnswer } from './schemas.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** which of the binding's wires the client speaks */
    bindingForm: BindingForm
    /** whether what it asks is to be queued, which the binding says beside the inputs */
    isQueued: boolean
  }
}

const compress = promisify(gzip)

const TAGS = ['Workers AI: env.AI']

const MODELS_PATH = '/ai-api/models/search'

/** wrangler 3 sends here whatever the binding asks, with the address that it asked in `X-Forwarded`. */
const PROXY_PATH = '/client/v4/accounts/:account/ai/run/proxy'

/** What `env.AI` of a worker asks, whether workerd comes here by itself or wrangler in its place. */
export function bindingRoutes(
  admission: Admission,
  { maxBodyBytes, run }: { maxBodyBytes: number; run: RunModel },
): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.addHook('onRequest', sendIdentity)
    app.decorateRequest('bindingForm', 'plain')
    app.decorateRequest('isQueued', false)

    for (const url of ['/run', '/ai-gateway/run', PROXY_PATH]) {
      app.post(
        url,
        {
          bodyLimit: longestBody(maxBodyBytes),
          config: { classifies: true },
          schema: {
            summary: 'env.AI: run a model',
            tags: TAGS,
            body: AnyRunBody,
            response: { 200: LabelScores, '4xx': BindingError, '5xx': BindingError },
          },
          // The body wraps what the REST API has as its whole body; unwrapped, it is validated alike.
          preValidation: async (request) => {
            const { form, inputs, isQueued } = readBindingBody(
              request.body,
              askedAddress(request).searchParams.get('version'),
            )
            request.bindingForm = form
            request.isQueued = isQueued
            request.body = inputs as typeof request.body
          },
        },
        async (request, reply) => {
          const model = modelIn(request.headers['cf-consn-model-id'])
          const { body, isQueued, bindingForm } = request
          const result = await run({ model, body, isQueued }, request, reply)
          if (askedAddress(request).pathname.startsWith('/ai-gateway/')) reply.header('cf-aig-log-id', request.id)
          return send(reply, bindingForm, result)
        },
      )
    }

    for (const url of [MODELS_PATH, PROXY_PATH]) {
      app.get(
        url,
        {
          schema: {
            summary: 'env.AI: list the models',
            tags: TAGS,
            querystring: ModelSearch,
            response: { 200: ModelSearchAnswer, '4xx': BindingError, '5xx': BindingError },
          },
          preValidation: async (request) => {
            const { pathname, searchParams } = askedAddress(request)
            if (pathname !== MODELS_PATH) throw new ValenceError('route_not_found', `There is nothing at ${pathname}.`)
            request.query = Object.fromEntries(searchParams)
          },
        },
        async (request) => listModels(admission.models(), request.query),
      )
    }
  }
}

/** The address that the binding asked, which is nowhere: https://workers-binding.ai/run?version=3 */
function askedAddress({ headers, url }: FastifyRequest): URL {
  const forwarded = headers['x-forwarded']
  const base = 'https://workers-binding.ai'
  return typeof forwarded === 'string' && URL.canParse(forwarded) ? new URL(forwarded) : new URL(url, base)
}

/** No envelope, and exactly `application/json`: with a charset behind it, `run()` hands back a stream. */
async function send(reply: FastifyReply, form: BindingForm, result: RunResult): Promise<FastifyReply> {
  reply.header('content-type', 'application/json')
  // The client decompresses whatever the headers say; it would not if they told the truth.
  const isCompressed = form === 'gzip'
  if ('queue' in result) {
    const pieces = Readable.from(result.queue)
    return reply.send(isCompressed ? pieces.compose(createGzip()) : pieces)
  }
  const json = JSON.stringify(inForm(form, result.scores))
  return reply.send(isCompressed ? await compress(json) : Buffer.from(json))
}

function inForm(form: BindingForm, scores: LabelScore[]) {
  return form === 'tensors' ? { result: [tensorOf(scores)] } : scores
}

/** @cloudflare/ai 1.0 takes these for the scores, though the name says otherwise. */
function tensorOf(scores: LabelScore[]) {
  return { type: 'float32', shape: [1, scores.length], name: 'logits', value: [scores.map(({ score }) => score)] }
}
