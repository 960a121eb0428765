import OpenAI, { toFile } from 'openai'
import { afterAll, beforeAll } from 'vitest'
import type { Store, StoreKind } from '../../src/store/store.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'
import { type StorePlace, storePlace } from '../support/stores.ts'

export const MODEL = 'huggingface/distilbert-sst-2-int8'

type Batch = OpenAI.Batch

/** A server on a store of its own, whose webhooks may go to this machine. */
export function startOn(place: StorePlace, env: Record<string, string> = {}): Promise<RunningServer> {
  return startTestServer(['--workers', '1', '--allow-private-webhooks'], { ...place.env, ...env })
}

/** Has one server for all the tests around the call; its fields are there once they run. A test may put another in its place. */
export function serverAround(kind: StoreKind): { place: StorePlace; server: RunningServer } {
  const around = {} as { place: StorePlace; server: RunningServer }
  beforeAll(async () => {
    around.place = await storePlace(kind)
    around.server = await startOn(around.place)
  }, 120_000)
  afterAll(async () => {
    await around.server?.stop()
    await around.place?.[Symbol.asyncDispose]()
  })
  return around
}

export function clientOf({ url }: { url: string }, apiKey = 'any'): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 })
}

/** Lines of a batch, each with a text of its own. */
export function chatLines(count: number): string[] {
  return Array.from({ length: count }, (_, index) =>
    chatLine(`line-${index}`, `Text ${index} of many, and a good one.`),
  )
}

export function chatLine(customId: string, content: string, model = MODEL): string {
  const body = { model, messages: [{ role: 'user', content }] }
  return JSON.stringify({ custom_id: customId, method: 'POST', url: '/v1/chat/completions', body })
}

export async function upload(client: OpenAI, lines: readonly string[]): Promise<OpenAI.FileObject> {
  const file = await toFile(Buffer.from(lines.join('\n')), 'input.jsonl')
  return client.files.create({ file, purpose: 'batch' })
}

export async function startBatch(client: OpenAI, lines: readonly string[]): Promise<Batch> {
  const { id } = await upload(client, lines)
  return client.batches.create({
    input_file_id: id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  })
}

export const OVER = ['completed', 'failed', 'expired', 'cancelled']

/** Asks until a batch is over. */
export async function endOf(client: OpenAI, id: string, withinMs = 60_000): Promise<Batch> {
  return until(
    () => client.batches.retrieve(id),
    ({ status }) => OVER.includes(status),
    withinMs,
  )
}

/** Asks until the answer is as wanted; a machine that is busy takes its time. */
export async function until<T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean, withinMs = 60_000): Promise<T> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (isWanted(answer)) return answer
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(answer)} after ${withinMs} ms`)
    await pause(50)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

export type ResultLine = {
  id: string
  custom_id: string
  response: { status_code: number; request_id: string; body: Record<string, unknown> } | null
  error: { code: string; message: string } | null
}

/** The lines of a file that a batch has made. */
export async function resultsIn(client: OpenAI, fileId: string | null | undefined): Promise<ResultLine[]> {
  if (fileId === null || fileId === undefined) return []
  const text = await (await client.files.content(fileId)).text()
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ResultLine)
}

/** Ends a server as a power cut would. */
export async function kill({ process: child }: RunningServer): Promise<void> {
  const gone = new Promise((resolve) => {
    child.once('exit', resolve)
  })
  child.kill('SIGKILL')
  await gone
}

/** What the ledger and the meter know of the calls whose ids begin so. */
export async function chargesOf({ db }: Pick<Store, 'db'>, requests: string) {
  const entries = await db
    .selectFrom('ledger_entries')
    .select('amount_micros')
    .where('ledger_account', '=', 'revenue:usage')
    .execute()
  const calls = await db
    .selectFrom('usage_calls')
    .select('request_id')
    .where('request_id', 'like', `${requests}%`)
    .where('status', '=', 'ok')
    .execute()
  return {
    charges: entries.length,
    chargedMicros: entries.reduce((sum, { amount_micros: micros }) => sum + micros, 0),
    calls: calls.length,
  }
}
