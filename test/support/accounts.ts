import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { get, post, type Reply } from './http.ts'
import { type RunningServer, startTestServer } from './server.ts'
import type { StorePlace } from './stores.ts'

/** A server that takes no request without a key, and its operator. */
export type KeyedServer = RunningServer & { adminKey: string }

const KEY = /sk-aig-[0-9A-Za-z]{38}/
const KEY_WITHIN_MS = 20_000

/** Starts a server that requires keys on a store that has had none, and waits for the operator's key. */
export async function startKeyedServer(place: StorePlace, flags: string[] = []): Promise<KeyedServer> {
  const server = await startTestServer(['--require-keys', ...flags], place.env)
  const deadline = Date.now() + KEY_WITHIN_MS
  for (;;) {
    const adminKey = KEY.exec(server.output())?.[0]
    if (adminKey !== undefined) return { ...server, adminKey }
    if (Date.now() > deadline) throw new Error(`the server showed no key:\n${server.output()}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** The flag that sets the price of a request of the default model, in micro-dollars. */
export function priced(place: StorePlace, micros: number): string[] {
  const path = join(place.dataDir, 'prices.json')
  writeFileSync(path, JSON.stringify({ 'huggingface/distilbert-sst-2-int8': { per_request_usd: micros / 1e6 } }))
  return ['--prices', path]
}

/** Requests with a key, to a server. */
export function clientOf(server: RunningServer, key: string) {
  const headers = { authorization: `Bearer ${key}` }
  const send = async (method: string, path: string, body?: unknown): Promise<Reply> => {
    const response = await fetch(server.url + path, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  }
  return {
    send,
    get: (path: string) => get(server.url + path, headers),
    post: (path: string, body: unknown = {}, more: Record<string, string> = {}) =>
      post(server.url + path, body, { ...headers, ...more }),
    patch: (path: string, body: unknown) => send('PATCH', path, body),
    delete: (path: string) => send('DELETE', path),
    classify: (text = 'Good.', more: Record<string, string> = {}) =>
      post(`${server.url}/v1/classifications`, { input: text }, { ...headers, 'x-cache': 'skip', ...more }),
  }
}

/** Makes an account with a wallet of so many micro-dollars, and returns its id and key. */
export async function addAccount(
  server: KeyedServer,
  { name = 'an account', creditMicros = 0 }: { name?: string; creditMicros?: number } = {},
): Promise<{ id: string; key: string }> {
  const operator = clientOf(server, server.adminKey)
  const { id, key } = (await operator.post('/v1/accounts', { name })).body as { id: string; key: string }
  // The fee is rounded down, so that some amount leaves exactly this credit.
  const paidMicros = Math.floor((creditMicros * 100) / 95)
  if (creditMicros > 0) await operator.post(`/v1/accounts/${id}/top-ups`, { amount_cents: paidMicros / 10_000 })
  return { id, key }
}
