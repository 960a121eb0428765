import type { IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { Agent as HttpAgent, request as httpRequest } from '../../node-http.ts'
import { HubError } from './errors.ts'
import type { HubOptions } from './options.ts'

/** Connections to a Hub and its content servers, kept while files are fetched. */
export type HubClient = {
  /**
   * Sends a request to the Hub and follows its redirects by hand: the token goes to the Hub's own origin alone.
   *
   * @param address below the endpoint, such as `/api/models/org/name`
   * @returns the answer, whatever its status; whoever takes it reads or discards its body
   * @throws HubError `unreachable`, `timed_out` or `bad_answer`; the signal's reason where it is aborted
   */
  send(method: 'GET' | 'HEAD', address: string, options: SendOptions): Promise<HubAnswer>
  close(): void
}

export type SendOptions = {
  headers?: Record<string, string>
  /** whether to follow a redirect; without it all are */
  follow?: (redirect: HubAnswer) => boolean
  signal: AbortSignal
}

export type HubAnswer = {
  status: number
  /** joined by commas where it came twice */
  header(name: string): string | undefined
  /** who answered, such as cdn.example:8443 */
  host: string
  /** whether that is the Hub itself, and not a server that it redirected to */
  isHub: boolean
  /**
   * The body's bytes.
   *
   * @throws HubError `unreachable` where it breaks off, `timed_out` where it stands still; the signal's reason
   */
  chunks(): AsyncGenerator<Buffer>
  /** Gives the body up. */
  discard(): void
}

const MAX_REDIRECTS = 8

/** Shorter bodies are read away, so that their connection can serve again. */
const MAX_DISCARDED_BYTES = 65_536

export function createHubClient(options: HubOptions): HubClient {
  const endpoint = new URL(options.endpoint)
  const agentOptions = { keepAlive: true, proxyEnv: options.proxies }
  const agents = { 'http:': new HttpAgent(agentOptions), 'https:': new HttpsAgent(agentOptions) }

  function headersFor(url: URL, own: Record<string, string>): Record<string, string> {
    // Compressed bodies would have another size than the file.
    const headers = { 'user-agent': options.userAgent, 'accept-encoding': 'identity', ...own }
    if (options.token === undefined || url.origin !== endpoint.origin) return headers
    return { ...headers, authorization: `Bearer ${options.token}` }
  }

  function exchange(
    method: string,
    url: URL,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<HubAnswer> {
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? httpsRequest : httpRequest
      const request = send(url, { method, headers, agent: agents[url.protocol as keyof typeof agents], signal })
      const timer = setTimeout(() => request.destroy(answerTimeout(url, options)), options.answerTimeoutMs)
      request.on('error', (error) => {
        clearTimeout(timer)
        reject(signal.aborted ? (signal.reason as Error) : connectionError(error, url))
      })
      request.on('response', (body) => {
        clearTimeout(timer)
        resolve(hubAnswer(body, url, url.origin === endpoint.origin, method === 'HEAD', options, signal))
      })
      request.end()
    })
  }

  return {
    async send(method, address, { headers = {}, follow = () => true, signal }) {
      let url = new URL(options.endpoint + address)
      for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
        signal.throwIfAborted()
        const answer = await exchange(method, url, headersFor(url, headers), signal)
        const to = redirectTarget(answer, url)
        if (to === undefined || !follow(answer)) return answer
        answer.discard()
        url = to
      }
      throw new HubError('bad_answer', `${endpoint.host} redirects in circles.`)
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy()
    },
  }
}

function hubAnswer(
  body: IncomingMessage,
  url: URL,
  isHub: boolean,
  isHead: boolean,
  options: HubOptions,
  signal: AbortSignal,
): HubAnswer {
  // It may break before anybody reads it; whoever does then hears of it.
  body.on('error', () => {})
  return {
    status: body.statusCode ?? 0,
    header(name) {
      const value = body.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    host: url.host,
    isHub,
    async *chunks() {
      const source = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
      try {
        for (;;) {
          // What the reader does between two chunks is not the server's time.
          const timer = setTimeout(() => body.destroy(idleTimeout(url, options)), options.idleTimeoutMs)
          const { done, value } = await source.next().finally(() => clearTimeout(timer))
          if (done) return
          yield value
        }
      } catch (error) {
        signal.throwIfAborted()
        throw connectionError(error, url)
      } finally {
        if (!body.complete) body.destroy()
      }
    },
    discard() {
      if (isHead || Number(body.headers['content-length']) <= MAX_DISCARDED_BYTES) body.resume()
      else body.destroy()
    },
  }
}

function redirectTarget(answer: HubAnswer, from: URL): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(answer.status)) return undefined
  const location = answer.header('location')
  const to = location === undefined ? undefined : URL.parse(location, from.href)
  // Whoever began with https must not be led to where others can read along.
  if (to?.protocol === 'https:' || (to?.protocol === 'http:' && from.protocol === 'http:')) return to
  answer.discard()
  throw new HubError('bad_answer', `${from.host} redirects to an address that will not do.`)
}

function connectionError(error: unknown, { host }: URL): HubError {
  if (error instanceof HubError) return error
  const { code } = error as NodeJS.ErrnoException
  const what =
    code === 'ENOTFOUND' || code === 'EAI_AGAIN' ? 'its address was not found' : `the connection failed (${code})`
  return new HubError(
    'unreachable',
    `${host} cannot be reached: ${what}. Is there a network, and is HF_ENDPOINT right?`,
    {
      cause: error,
    },
  )
}

function answerTimeout({ host }: URL, { answerTimeoutMs }: HubOptions): HubError {
  return new HubError('timed_out', `${host} did not answer within ${answerTimeoutMs / 1000} s (HF_HUB_ETAG_TIMEOUT).`)
}

function idleTimeout({ host }: URL, { idleTimeoutMs }: HubOptions): HubError {
  return new HubError('timed_out', `${host} sent nothing for ${idleTimeoutMs / 1000} s (HF_HUB_DOWNLOAD_TIMEOUT).`)
}
