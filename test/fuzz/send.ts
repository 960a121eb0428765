import { Buffer } from 'node:buffer'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { answersIn, type WireAnswer } from './answers.ts'
import type { HttpRequest, RawRequest } from './requests.ts'

/** Longer than the server's own time limit of a request. */
const ANSWER_WITHIN_MS = 40_000
/** A socket with half a request would stay open until the server's timeout; the fuzzer leaves before. */
const LEAVE_AFTER_MS = 300
const DESTROY_AFTER_MS = 3

/** What the server refuses before it has read all; it may then close while the client still writes. */
const MAY_BE_CUT_OFF_BYTES = 2_000_000

export type Outcome = WireAnswer | 'cut off' | 'no answer'

export function createSender(url: string, concurrency: number) {
  const { hostname, port } = new URL(url)
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency })

  function exchange({ method, path, headers, chunked }: HttpRequest, body: Buffer | undefined): Promise<WireAnswer> {
    return new Promise((resolve, reject) => {
      const length = body && !chunked ? { 'content-length': String(body.length) } : {}
      const coding = body && chunked ? { 'transfer-encoding': 'chunked' } : {}
      const request = httpRequest({
        hostname,
        port,
        agent,
        method,
        path,
        headers: { ...headers, ...length, ...coding },
      })
      request.setTimeout(ANSWER_WITHIN_MS, () => request.destroy(new Error('no answer')))
      request.once('response', (response) => void readAnswer(response).then(resolve, reject))
      request.once('error', (error: NodeJS.ErrnoException) => {
        // The server may close an idle connection in the moment in which it is taken for the next request.
        const stale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        reject(stale ? new StaleConnection() : error)
      })
      request.end(body)
    })
  }

  return {
    async http(request: HttpRequest): Promise<Outcome> {
      const body = request.body?.()
      for (let attempt = 0; ; attempt++) {
        try {
          return await exchange(request, body)
        } catch (error) {
          if (error instanceof StaleConnection && attempt < 3) continue
          if ((error as Error).message === 'no answer') return 'no answer'
          if (body && body.length > MAY_BE_CUT_OFF_BYTES) return 'cut off'
          throw error
        }
      }
    },

    raw({ bytes, afterwards, requests }: RawRequest): Promise<WireAnswer[]> {
      return new Promise((resolve) => {
        const received: Buffer[] = []
        const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
        const leave = () => socket.destroy()
        const limit =
          afterwards === 'destroy' ? DESTROY_AFTER_MS : requests.length > 0 ? ANSWER_WITHIN_MS : LEAVE_AFTER_MS
        let timer: NodeJS.Timeout | undefined
        socket.on('connect', () => {
          socket.write(bytes, () => (timer = setTimeout(leave, limit)))
          if (afterwards === 'end') socket.end()
        })
        socket.on('data', (chunk) => received.push(chunk))
        socket.on('end', leave)
        // What was broken off on purpose may be reset; whether answers came is what counts.
        socket.on('error', leave)
        socket.on('close', () => {
          clearTimeout(timer)
          resolve(
            answersIn(
              Buffer.concat(received),
              requests.map(({ method }) => method),
            ),
          )
        })
      })
    },

    close: () => agent.destroy(),
  }
}

class StaleConnection extends Error {}

async function readAnswer(response: IncomingMessage): Promise<WireAnswer> {
  const body = await buffer(response)
  const headers = Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)]))
  return { status: response.statusCode!, headers, body: body.toString('utf8') }
}
