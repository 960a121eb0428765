import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PYTHON, runToEnd, warnWithoutPython } from '../support/python.ts'
import type { RunningServer } from '../support/server.ts'
import { type LabelScore, MODEL, startOpenServer, sumOf } from './support.ts'

/**
 * The snippets of the hosted APIs' pages, as documented: keys and account ids are the placeholders that stand there. Only
 * the host is replaced, by `here`. Where a snippet has a mistake of its own, the test says which one is mended.
 */
const HOSTS = ['https://api.aigateway.sh', 'https://api.cloudflare.com', 'https://api-inference.huggingface.co']

type CloudflareAnswer = { result: LabelScore[]; success: boolean; errors: { code: number; message: string }[] }

type Chunk = { choices: { delta: { content?: string }; finish_reason: string | null }[] }

warnWithoutPython()

async function outputOf(command: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await runToEnd(command, args, env)
  expect(code, stderr).toBe(0)
  return stdout
}

function expectPositive(answer: CloudflareAnswer): void {
  expect(answer).toMatchObject({ success: true, errors: [], messages: [] })
  expect(answer.result.map(({ label }) => label)).toEqual(['NEGATIVE', 'POSITIVE'])
  expect(answer.result[1]!.score).toBeGreaterThan(0.9)
  expect(sumOf(answer.result)).toBeCloseTo(1, 6)
}

const olderPython = (model: string) => `
import requests

API_BASE_URL = "https://api.cloudflare.com/client/v4/accounts/{account_id}/ai/run/"
headers = {"Authorization": "Bearer {API_TOKEN}"}

def run(model, input):
    response = requests.post(f"{API_BASE_URL}{model}", headers=headers, json=input)
    return response.json()

output = run("${model}", { "text": "This pizza is great!" })
print(__import__("json").dumps(output))
`

const olderCurl = (model: string) => `curl https://api.cloudflare.com/client/v4/accounts/{account_id}/ai/run/${model} \\
    -X POST \\
    -H "Authorization: Bearer {API_TOKEN}" \\
    -d '{ "text": "This pizza is great!" }'`

describe('a documented snippet works with nothing but its host changed', () => {
  let server: RunningServer

  beforeAll(async () => {
    server = await startOpenServer()
  })

  afterAll(async () => {
    await server?.stop()
  })

  function here(snippet: string): string {
    const host = HOSTS.find((candidate) => snippet.includes(candidate))
    if (host === undefined) throw new Error(`the snippet names no host of the hosted APIs:\n${snippet}`)
    return snippet.replaceAll(host, server.url)
  }

  const shell = (snippet: string, env: Record<string, string> = {}) => outputOf('sh', ['-c', here(snippet)], env)
  const node = (snippet: string) => outputOf(process.execPath, ['--input-type=module', '--eval', here(snippet)])
  const python = (snippet: string) => outputOf(PYTHON!, ['-c', here(snippet)])

  describe('of AIGateway', () => {
    it('curl, streamed', async () => {
      const output = await shell(
        `curl https://api.aigateway.sh/v1/chat/completions \\
  -H "Authorization: Bearer $AIGATEWAY_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "model": "huggingface/distilbert-sst-2-int8",
    "messages": [{"role":"user","content":"hello"}],
    "stream": true
  }'`,
        { AIGATEWAY_API_KEY: 'sk-aig-of-a-user' },
      )

      const events = output.split('\n\n').filter((event) => event !== '')
      expect(events.every((event) => event.startsWith('data: '))).toBe(true)
      expect(events.at(-1)).toBe('data: [DONE]')
      const chunks = events.slice(0, -1).map((event): Chunk => JSON.parse(event.slice('data: '.length)))
      expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toMatch(/^(NEGATIVE|POSITIVE)$/)
      expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe('stop')
    })

    it('the body of the reference, with the shape of its answer', async () => {
      const response = await fetch(here('https://api.aigateway.sh/v1/chat/completions'), {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: 'Bearer sk-aig-...' },
        body: `{
  "model": "huggingface/distilbert-sst-2-int8",
  "messages": [
    { "role": "system", "content": "You are a helpful assistant." },
    { "role": "user",   "content": "Hello!" }
  ],
  "temperature": 0.7,
  "top_p": 0.95,
  "max_tokens": 1024,
  "stream": false

}`,
      })

      expect(response.status).toBe(200)
      const answer = (await response.json()) as { usage: Record<string, number> }
      expect(answer).toMatchObject({
        id: expect.stringMatching(/^chatcmpl-/),
        object: 'chat.completion',
        created: expect.any(Number),
        model: MODEL,
        choices: [
          {
            index: 0,
            message: { role: 'assistant', content: expect.stringMatching(/^(NEGATIVE|POSITIVE)$/) },
            finish_reason: 'stop',
          },
        ],
      })
      expect(answer.usage.prompt_tokens).toBeGreaterThan(0)
      expect(answer.usage.total_tokens).toBe(answer.usage.prompt_tokens! + answer.usage.completion_tokens!)
    })

    it.skipIf(PYTHON === undefined)('Python, with the openai client', async () => {
      const output = await python(`
from openai import OpenAI

client = OpenAI(
    base_url="https://api.aigateway.sh/v1",
    api_key="sk-aig-...",
)

r = client.chat.completions.create(
    model="huggingface/distilbert-sst-2-int8",
    messages=[{"role": "user", "content": "Hello!"}],
)
print(r.choices[0].message.content)
`)

      expect(output.trim()).toMatch(/^(NEGATIVE|POSITIVE)$/)
    })
  })

  describe('of Workers AI', () => {
    it('curl, which sends JSON without its content type', async () => {
      const output = await shell(
        `curl https://api.cloudflare.com/client/v4/accounts/$CLOUDFLARE_ACCOUNT_ID/ai/run/@cf/huggingface/distilbert-sst-2-int8  \\
  -X POST  \\
  -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN"  \\
  -d '{ "text": "This pizza is great!" }'`,
        { CLOUDFLARE_ACCOUNT_ID: '0123456789abcdef0123456789abcdef', CLOUDFLARE_API_TOKEN: 'of-a-user' },
      )

      expectPositive(JSON.parse(output))
    })

    // The page forgets to import requests; it prints the dictionary, which is not JSON, so the last line prints it again.
    it.skipIf(PYTHON === undefined)('Python, with requests', async () => {
      const output = await python(`
import requests

API_BASE_URL = "https://api.cloudflare.com/client/v4/accounts/{ACCOUNT_ID}/ai/run/"
headers = {"Authorization": "Bearer {API_KEY}"}


def run(model, input):
    response = requests.post(f"{API_BASE_URL}{model}", headers=headers, json=input)
    return response.json()


output = run("@cf/huggingface/distilbert-sst-2-int8", { "text": "This pizza is great!" })
print(output)
print(__import__("json").dumps(output))
`)

      const [printed, json] = output.trim().split('\n')
      expect(printed).toMatch(/^\{'result': \[\{'label': 'NEGATIVE', 'score': [\d.]+\}, \{'label': 'POSITIVE'/)
      expectPositive(JSON.parse(json!))
    })

    it('node, from the older page', async () => {
      const output = await node(`
async function run(model, input) {
  const response = await fetch(
    \`https://api.cloudflare.com/client/v4/accounts/{account_id}/ai/run/\${model}\`,
    {
      headers: { Authorization: "Bearer {API_TOKEN}" },
      method: "POST",
      body: JSON.stringify(input),
    }
  );
  const result = await response.json();
  return result;
}

run('@cf/huggingface/distilbert-sst-2-int8', { text: 'This pizza is great!' }).then((response) => {
    console.log(JSON.stringify(response));
});
`)

      expectPositive(JSON.parse(output))
    })

    // The page lacks a colon and the quotes of "text", and misspells the model.
    it.skipIf(PYTHON === undefined)('Python, from the older page', async () => {
      expectPositive(JSON.parse(await python(olderPython('@cf/huggingface/distilbert-sst-2-int8'))))
    })

    it.skipIf(PYTHON === undefined)('Python, from the older page, which misspells the model and hears so', async () => {
      const answer = JSON.parse(await python(olderPython('@cf/huggingface/distilbert-sst-2-int88')))

      expect(answer).toMatchObject({ success: false, errors: [{ code: 5007 }] })
      expect(answer.errors[0].message).toContain('@cf/huggingface/distilbert-sst-2-int88')
    })

    // The page names a language model here, by mistake.
    it('curl, from the older page', async () => {
      expectPositive(JSON.parse(await shell(olderCurl('@cf/huggingface/distilbert-sst-2-int8'))))
    })

    it('curl, from the older page, which names a language model and hears that it is not here', async () => {
      const answer = JSON.parse(await shell(olderCurl('@cf/meta/llama-2-7b-chat-int8'))) as CloudflareAnswer

      expect(answer).toMatchObject({ success: false, errors: [{ code: 5007 }] })
      expect(answer.errors[0]!.message).toContain('@cf/meta/llama-2-7b-chat-int8')
    })
  })

  describe('of Hugging Face', () => {
    // The page prints nothing; the last line does.
    it.skipIf(PYTHON === undefined)('Python, with requests', async () => {
      const output = await python(`
import requests
API_URL = "https://api-inference.huggingface.co/models/distilbert/distilbert-base-uncased-finetuned-sst-2-english"
headers = {"Authorization": "Bearer hf_***"}
def query(payload):
	response = requests.post(API_URL, headers=headers, json=payload)
	return response.json()
	
output = query({
	"inputs": "I like you. I love you",
})
print(__import__("json").dumps(output))
`)

      const answer: LabelScore[][] = JSON.parse(output)
      expect(answer).toHaveLength(1)
      expect(answer[0]!.map(({ label }) => label)).toEqual(['POSITIVE', 'NEGATIVE'])
      expect(answer[0]![0]!.score).toBeGreaterThan(0.9)
      expect(sumOf(answer[0]!)).toBeCloseTo(1, 6)
    })
  })
})
