import { Agent, request as httpRequest } from 'node:http'
import { buffer } from 'node:stream/consumers'

/**
 * Clients in a process of their own: `event-loop-clients.ts <url> <clients> <seconds>` sends distinct texts of some 512
 * tokens over kept-alive connections, each client its next when it has its answer, and prints what came back as JSON.
 */
const [url = '', clients = '32', seconds = '15'] = process.argv.slice(2)
const RUN = '/client/v4/accounts/local/ai/run/@cf/valence/minilm-sst-2-int8'
const WORDS_PER_TEXT = 510
/** Enough for three million texts. */
const DIGITS = 6
const WORDS = ['film', 'great', 'plot', 'never', 'scene', 'actor', 'slow', 'bright', 'story', 'music', 'awful', 'warm']

const agent = new Agent({ keepAlive: true, maxSockets: Number(clients) })
const { hostname, port } = new URL(url)
let texts = 0

/** No text comes twice, so that the server can join none of them. */
function nextText(): string {
  const number = texts++
  // The first words are the number's digits; the others come again with every twelfth number.
  const digits = number.toString(12).padStart(DIGITS, '0').split('')
  const wordAt = (index: number) =>
    index < DIGITS ? Number.parseInt(digits[index]!, 12) : (number * (index + 1) + index * index) % 12
  return Array.from({ length: WORDS_PER_TEXT }, (_, index) => WORDS[wordAt(index)]).join(' ')
}

function send(text: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, agent, method: 'POST', path: RUN })
    request.once('error', reject)
    request.once('response', (response) => void buffer(response).then(() => resolve(response.statusCode!), reject))
    request.end(JSON.stringify({ text }))
  })
}

async function client(until: number, statuses: Record<string, number>): Promise<void> {
  while (performance.now() < until) {
    const status = await send(nextText())
    statuses[status] = (statuses[status] ?? 0) + 1
  }
}

const statuses: Record<string, number> = {}
const until = performance.now() + Number(seconds) * 1000
await Promise.all(Array.from({ length: Number(clients) }, () => client(until, statuses)))
agent.destroy()
console.log(JSON.stringify({ statuses, texts }))
