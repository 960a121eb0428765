// node generation-packages.mjs <url of Valence>: what workers-ai-provider and @langchain/cloudflare say when they ask a
// classifier, as they can, for what they are made for.
import { ChatCloudflareWorkersAI, CloudflareWorkersAI } from '@langchain/cloudflare'
import { generateText } from 'ai'
import { createWorkersAI } from 'workers-ai-provider'

const [url] = process.argv.slice(2)
const MODEL = '@cf/huggingface/distilbert-sst-2-int8'
const HOST = 'https://api.cloudflare.com'

// Its host is written into it, so it is reached by its own fetch option.
const workersai = createWorkersAI({
  accountId: 'local',
  apiKey: 'any',
  fetch: (input, init) => fetch(input.replace(HOST, url), init),
})
const langchain = {
  model: MODEL,
  cloudflareAccountId: 'local',
  cloudflareApiToken: 'any',
  baseUrl: `${url}/client/v4/accounts/local/ai/run`,
  maxRetries: 0,
}

async function told(call) {
  try {
    return { answer: await call() }
  } catch (error) {
    const { name, message, statusCode, isRetryable } = error
    return { name, message, statusCode, isRetryable }
  }
}

console.log(
  JSON.stringify({
    provider: await told(() => generateText({ model: workersai(MODEL), prompt: 'Good.' })),
    langchainChat: await told(() => new ChatCloudflareWorkersAI(langchain).invoke('Good.')),
    langchain: await told(() => new CloudflareWorkersAI(langchain).invoke('Good.')),
  }),
)
