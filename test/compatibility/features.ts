/** A documented feature of a hosted API, and the tests that show it. */
export type Feature = { feature: string; shownBy: readonly Shown[] }

/** Tests of a file, by a part of their names; all of the file where it is left out. */
export type Shown = { file: string; named?: string }

const by = (file: string, named?: string): Shown => (named === undefined ? { file } : { file, named })

const OPENAI = 'test/clients/openai-npm.test.ts'
const SNIPPETS = 'test/clients/documented-snippets.test.ts'
const PYTHON = 'test/clients/python-clients.test.ts'
const CLOUDFLARE = 'test/clients/cloudflare-npm.test.ts'
const CLOUDFLARE_ERRORS = 'test/clients/cloudflare-errors.test.ts'
const ENV_AI = 'test/http/env-ai-has-a-wire-of-its-own.test.ts'
const HUGGING_FACE = 'test/clients/huggingface-npm.test.ts'
const HUB_MODELS = 'test/http/models-of-the-hub-are-loaded-when-asked-for.test.ts'
const PIPELINE = 'test/huggingface/answers-are-those-of-the-pipeline.test.ts'
const NEIGHBOURS = 'test/huggingface/neighbours-answer-in-their-own-shapes.test.ts'
const ERRORS = 'test/http/each-dialect-has-its-own-errors.test.ts'
const CACHE = 'test/gateway/a-cached-answer-is-the-same-bits.test.ts'
const HUB_ERRORS = 'test/clients/huggingface-errors.test.ts'

/** Whoever adds a documented feature adds it here, with its test; `npm run compatibility` writes the page. */
export const FEATURES: Readonly<Record<string, readonly Feature[]>> = {
  'AIGateway, OpenAI-compatible': [
    {
      feature: 'The documented curl, Python and reference snippets, unchanged',
      shownBy: [by(SNIPPETS, 'of AIGateway')],
    },
    { feature: 'Chat completions with the openai client from npm', shownBy: [by(OPENAI, 'completes a chat')] },
    { feature: 'Streaming, with usage and its helpers', shownBy: [by(OPENAI, 'streams')] },
    { feature: 'logprobs and top_logprobs', shownBy: [by(OPENAI, 'reads log probabilities')] },
    { feature: 'response_format: json_object and json_schema', shownBy: [by(OPENAI, 'gets JSON')] },
    { feature: 'Models, listed and one by one', shownBy: [by(OPENAI, 'reads the models')] },
    { feature: 'Error classes of the openai client', shownBy: [by(OPENAI, 'throws'), by(ERRORS, 'OpenAI')] },
    {
      feature: 'Wallet, limits and scopes as the openai client meets them',
      shownBy: [by('test/clients/openai-meets-its-limits.test.ts')],
    },
    { feature: 'The openai client from Python', shownBy: [by(PYTHON, 'openai classifies')] },
    { feature: 'The AI SDK', shownBy: [by('test/clients/ai-sdk-npm.test.ts')] },
    {
      feature: 'Capabilities, schemas, providers',
      shownBy: [by('test/aigateway/the-catalogue-says-what-there-is.test.ts')],
    },
    { feature: 'Moderations', shownBy: [by('test/aigateway/a-model-with-labels-for-it-moderates.test.ts')] },
    { feature: 'Keys, scopes, rotation, sub-accounts', shownBy: [by('test/gateway/keys-open-what-they-may.test.ts')] },
    { feature: 'Budgets and spending caps', shownBy: [by('test/gateway/budgets-hold.test.ts')] },
    { feature: 'Usage, by tag and sub-account', shownBy: [by('test/gateway/every-call-is-metered-once.test.ts')] },
    { feature: 'Cache: x-cache and DELETE /v1/cache', shownBy: [by(CACHE, 'over HTTP')] },
    { feature: 'Routing and fallback', shownBy: [by('test/gateway/upstreams-answer-and-step-in.test.ts')] },
    { feature: 'Files and batches', shownBy: [by('test/jobs/batches-answer-as-openai-does.test.ts')] },
    { feature: 'Jobs and signed results', shownBy: [by('test/jobs/jobs-end-for-whoever-waits.test.ts')] },
    {
      feature: 'Webhooks and their two signatures',
      shownBy: [by('test/jobs/webhooks-arrive.test.ts'), by('test/jobs/both-signatures-verify.test.ts')],
    },
    { feature: 'Evals and replays', shownBy: [by('test/jobs/evals-and-replays-compare-models.test.ts')] },
    { feature: 'MCP', shownBy: [by('test/mcp/agents-classify-through-mcp.test.ts')] },
  ],
  'Cloudflare Workers AI': [
    { feature: 'The documented curl, Python and Node snippets, unchanged', shownBy: [by(SNIPPETS, 'of Workers AI')] },
    {
      feature: "ai/run in the hosted API's shape and order",
      shownBy: [by('test/http/workers-ai-answers-as-documented.test.ts'), by(CLOUDFLARE, 'is sure of a plain case')],
    },
    { feature: 'Slashes of the model encoded or raw', shownBy: [by(CLOUDFLARE, 'may encode the slashes')] },
    {
      feature: 'CLOUDFLARE_BASE_URL alone leads the client here',
      shownBy: [by(CLOUDFLARE, 'by its environment variables alone')],
    },
    {
      feature: 'Codes 5006, 5007, 7000, 10000 as the client raises them',
      shownBy: [by(CLOUDFLARE, 'throws its'), by(ERRORS, 'Workers AI')],
    },
    { feature: 'Every other documented error that can arise', shownBy: [by(CLOUDFLARE_ERRORS)] },
    {
      feature: 'models/search, paged',
      shownBy: [by(CLOUDFLARE, 'lists the models page by page'), by(CLOUDFLARE, 'hosted catalog')],
    },
    { feature: 'models/schema', shownBy: [by(CLOUDFLARE, 'reads the schema')] },
    { feature: 'tasks/search and authors/search', shownBy: [by(CLOUDFLARE, 'lists tasks and authors')] },
    { feature: 'tokens/verify', shownBy: [by(CLOUDFLARE, 'verifies its token')] },
    {
      feature: 'cf-ai-req-id, cf-ray, cf-ai-neurons',
      shownBy: [by(CLOUDFLARE, 'knows every answer by its ids'), by(CLOUDFLARE, 'what a request counts')],
    },
    {
      feature: 'Asynchronous batch: queueRequest',
      shownBy: [
        by('test/clients/cloudflare-queue.test.ts', 'texts that are queued'),
        by('test/workers/env-ai-is-local-in-wrangler-dev.test.ts', 'queues texts'),
      ],
    },
    {
      feature: 'Neurons and dollars by the published rates',
      shownBy: [by('test/http/workers-ai-answers-as-documented.test.ts', 'of the published rates')],
    },
    {
      feature: 'The daily allocation of neurons (3036), and requests a minute (3021)',
      shownBy: [
        by('test/clients/cloudflare-errors.test.ts', 'the daily allocation'),
        by('test/clients/cloudflare-errors.test.ts', 'too many requests a minute'),
      ],
    },
    {
      feature: 'The documentation of 2023: {items}, behind a setting',
      shownBy: [by('test/http/workers-ai-answers-as-documented.test.ts', 'in the form of 2023')],
    },
    {
      feature: 'JSON whatever its Content-Type or Content-Encoding says',
      shownBy: [
        by('test/http/what-is-hardly-http-is-answered-clearly.test.ts', 'is read as JSON'),
        by('test/http/what-is-hardly-http-is-answered-clearly.test.ts', 'where a header says so'),
      ],
    },
    {
      feature: 'wrangler 3, by ai/run/proxy',
      shownBy: [by('test/workers/env-ai-is-local-in-wrangler-dev.test.ts', 'wrangler 3')],
    },
    {
      feature: 'env.AI.models(), options, lastRequestId and errors in workerd',
      shownBy: [
        by('test/workers/env-ai-is-local-in-wrangler-dev.test.ts', 'lists the models'),
        by('test/workers/env-ai-is-local-in-wrangler-dev.test.ts', 'takes the options'),
        by('test/workers/env-ai-is-local-in-wrangler-dev.test.ts', 'not with a stream'),
        by('test/workers/env-ai-is-local-in-wrangler-dev.test.ts', 'throws the hosted error'),
      ],
    },
    {
      feature: 'Asynchronous batch of 10 MB',
      shownBy: [by('test/clients/cloudflare-queue.test.ts', 'a queue of ten megabytes')],
    },
    { feature: 'The Python client and its errors', shownBy: [by(PYTHON, 'cloudflare runs')] },
    { feature: "env.AI's wire, versions 2 and 3, tensors, errors", shownBy: [by(ENV_AI)] },
    { feature: 'env.AI in wrangler dev', shownBy: [by('test/workers/env-ai-is-local-in-wrangler-dev.test.ts')] },
    {
      feature: 'env.AI in getPlatformProxy, Miniflare and workerd',
      shownBy: [by('test/workers/env-ai-is-local-without-wrangler-dev.test.ts')],
    },
    {
      feature: '@cloudflare/ai 1.2.2, 1.1.0 and 1.0.53',
      shownBy: [by('test/workers/retired-ai-packages-work.test.ts')],
    },
    {
      feature: 'workers-ai-provider and @langchain/cloudflare',
      shownBy: [by('test/workers/generation-packages-hear-what-the-hosted-api-says.test.ts')],
    },
    { feature: 'Models of the Hub by @hf/org/name', shownBy: [by(HUB_MODELS, 'each family is fetched')] },
  ],
  'Hugging Face Inference API': [
    { feature: 'The documented Python snippet, unchanged', shownBy: [by(SNIPPETS, 'of Hugging Face')] },
    {
      feature: 'Every address of the API, slashes encoded or raw',
      shownBy: [by(HUGGING_FACE, 'is answered at the address')],
    },
    {
      feature: 'The npm client ranks every label',
      shownBy: [by(HUGGING_FACE, 'gets every label'), by(HUGGING_FACE, 'is sure of a plain case')],
    },
    { feature: 'The Python client', shownBy: [by(PYTHON, 'huggingface_hub ranks')] },
    {
      feature: 'top_k, with its default of five',
      shownBy: [by(HUGGING_FACE, 'top_k says'), by(PIPELINE, 'five labels')],
    },
    {
      feature: 'function_to_apply × top_k × problem_type × number of labels as in the pipeline, pairs too',
      shownBy: [by(PIPELINE, 'answers as the pipeline does')],
    },
    {
      feature: 'A list of texts, of pairs, or of both; top_k of 0, and of more than there is',
      shownBy: [by(PIPELINE, 'answers as the pipeline does')],
    },
    { feature: 'return_all_scores, the older word for top_k', shownBy: [by(PIPELINE, 'the older return_all_scores')] },
    {
      feature: "The model's own truncation_side, model_max_length and model_input_names",
      shownBy: [by(PIPELINE, 'a tokenizer_config.json that says')],
    },
    { feature: 'truncation, max_length, padding', shownBy: [by(PIPELINE, 'a text that may be too long')] },
    {
      feature: 'A text that was cut is said to be',
      shownBy: [by('test/http/answers-say-who-gave-them.test.ts', 'a text that is cut')],
    },
    {
      feature: 'x-compute-type, x-compute-characters, x-compute-time, x-request-id',
      shownBy: [by(HUGGING_FACE, 'headers'), by(HUB_ERRORS, 'headers')],
    },
    { feature: 'x-sha, the commit', shownBy: [by(HUB_MODELS, 'each family is fetched')] },
    { feature: 'x-use-cache and options.use_cache', shownBy: [by(CACHE, 'skip neither reads nor keeps')] },
    {
      feature: '503 with estimated_time, x-wait-for-model, options.wait_for_model',
      shownBy: [by(HUB_MODELS, 'requests wait as long as they are held')],
    },
    {
      feature: 'The npm client, which repeats a 503 at once, is held back',
      shownBy: [by(HUB_MODELS, 'repeats a 503')],
    },
    { feature: 'x-load-model', shownBy: [by(HUB_MODELS, 'who says not to load it')] },
    {
      feature: '/status/{model}: Loaded, Loadable, TooBig',
      shownBy: [by(HUB_MODELS, 'requests wait as long as they are held'), by(HUB_MODELS, 'TooBig')],
    },
    {
      feature: 'Any text classifier of the Hub by its id',
      shownBy: [
        by(HUB_MODELS, 'each family is fetched'),
        by(HUB_MODELS, 'by two names'),
        by(HUB_MODELS, 'a name in another case'),
      ],
    },
    {
      feature: 'Models leave when others need their memory',
      shownBy: [by(HUB_MODELS, 'a model leaves for another'), by(HUB_MODELS, 'who was used last stays')],
    },
    {
      feature: 'Documented errors as the npm and Python clients raise them',
      shownBy: [by(HUGGING_FACE, 'shows'), by(HUB_ERRORS), by(ERRORS, 'Hugging Face')],
    },
  ],
  'Neighbouring servers': [
    {
      feature: 'text-embeddings-inference: /predict, /info, /health',
      shownBy: [by(NEIGHBOURS, 'text-embeddings-inference')],
    },
    { feature: 'vLLM: /classify', shownBy: [by(NEIGHBOURS, 'vLLM')] },
    { feature: 'Inference toolkit: POST /', shownBy: [by(NEIGHBOURS, 'inference toolkit')] },
  ],
}
