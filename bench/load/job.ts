import type { RequestShape } from '../subjects/competitors.ts'

/** What the load generator is told to do. */
export type LoadJob = {
  /** of a server on this machine, http://127.0.0.1:<port> */
  url: string
  request: RequestShape
  /** lines of the head, such as `authorization: Bearer …` */
  headers?: readonly string[]
  texts: readonly string[]
  /** the first text to send; the others follow in their order */
  start: number
  seconds: number
  /** puts a running number behind each text, where a server must not find two alike under way and compute them once */
  numbered?: boolean
  /** closed: so many clients, each sending its next text when it has its answer; open: so many requests a second, whatever comes back */
  arrivals: { clients: number } | { perSecond: number }
}

export type LoadReport = {
  /** answers with 200 */
  answered: number
  /** from the first request to the last answer */
  elapsedMs: number
  /** of answers with 200 */
  latenciesMs: number[]
  /** answers with another status, and requests that had none, by status or reason */
  failures: Record<string, number>
  /** answers with 429 or 503 */
  refused: { count: number; withRetryAfter: number; latenciesMs: number[] }
  /** sums of what answers with 200 said in server-timing, in ms */
  serverTimingMs: Record<string, number>
  /** CPU time of the load generator itself, in ms */
  cpuMs: number
}
