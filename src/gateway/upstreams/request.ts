import { ValenceError } from '../../errors.ts'
import type { Slots } from './slots.ts'

/** How a request to an upstream failed, for whoever decides what to do next. */
export class UpstreamError extends Error {
  /**
   * - `nothing_done`: no connection, or a refusal before any work, so the same request may be sent again
   * - `failed`: it may have worked, and did not answer as it should
   * - `refused`: it works, and will not have this request
   */
  readonly kind: 'nothing_done' | 'failed' | 'refused'

  constructor(kind: UpstreamError['kind'], message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'UpstreamError'
    this.kind = kind
  }
}

export type RequestOptions = {
  url: string
  key: string | undefined
  timeoutMs: number
  slots: Slots
}

/** Scores of thousands of texts are some hundreds of kilobytes; what is larger is no such answer. */
const MAX_ANSWER_BYTES = 8_388_608

/** A busy upstream says these before it has done anything. */
const NOTHING_DONE: ReadonlySet<number> = new Set([429, 502, 503])

/** About the request itself, and not about the upstream; 401, 403 and 404 mean that it is set up wrongly. */
const REFUSED: ReadonlySet<number> = new Set([400, 413, 415, 422])

/**
 * Posts JSON and reads JSON.
 *
 * @throws UpstreamError; the signal's reason where it is aborted; ValenceError `busy` where too much waits already
 */
export function postJson({ url, key, timeoutMs, slots }: RequestOptions, body: unknown, signal: AbortSignal) {
  return slots.run(signal, async (): Promise<unknown> => {
    const limit = AbortSignal.timeout(timeoutMs)
    const limited = AbortSignal.any([signal, limit])
    try {
      const response = await connected(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(key !== undefined && { authorization: `Bearer ${key}` }) },
        body: JSON.stringify(body),
        signal: limited,
        // A redirect would take the key and the text to where nobody has sent them.
        redirect: 'error',
      })
      const text = await boundedText(response)
      if (!response.ok) throw new UpstreamError(kindOf(response.status), `it answered ${response.status}`)
      return parsed(text)
    } catch (thrown) {
      signal.throwIfAborted()
      if (limit.aborted) throw new UpstreamError('failed', `it did not answer within ${timeoutMs} ms`)
      if (thrown instanceof UpstreamError || thrown instanceof ValenceError) throw thrown
      throw new UpstreamError('failed', 'the connection broke', thrown)
    }
  })
}

async function connected(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (cause) {
    const code = ((cause as Error).cause as NodeJS.ErrnoException | undefined)?.code ?? ''
    const kind = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'].includes(code)
    throw new UpstreamError(kind ? 'nothing_done' : 'failed', 'it cannot be reached', cause)
  }
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Leaving the loop cancels the rest.
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > MAX_ANSWER_BYTES) throw new UpstreamError('failed', `its answer is over ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UpstreamError('failed', 'its answer is no JSON')
  }
}

function kindOf(status: number): UpstreamError['kind'] {
  if (NOTHING_DONE.has(status)) return 'nothing_done'
  return REFUSED.has(status) ? 'refused' : 'failed'
}
