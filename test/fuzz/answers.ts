import type { Buffer } from 'node:buffer'

/** An answer as it came over the wire. */
export type WireAnswer = { status: number; headers: Record<string, string>; body: string }

type Parsed = { answer: WireAnswer; end: number }

/** Splits what a socket received into the answers to the requests that were sent, in their order. */
export function answersIn(bytes: Buffer, methods: readonly string[]): WireAnswer[] {
  const answers: WireAnswer[] = []
  let at = 0
  while (at < bytes.length) {
    const parsed = parseAnswer(bytes, at, methods[answers.length] ?? 'GET')
    if (!parsed) break
    at = parsed.end
    // 100 Continue comes before the answer and is none.
    if (parsed.answer.status >= 200) answers.push(parsed.answer)
  }
  return answers
}

function parseAnswer(bytes: Buffer, start: number, method: string): Parsed | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n', start)
  if (headEnd === -1) return undefined
  const [statusLine = '', ...lines] = bytes.toString('latin1', start, headEnd).split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1] ?? Number.NaN)
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const { body, end } = parseBody(bytes, headEnd + 4, method, status, headers)
  return { answer: { status, headers, body }, end }
}

function parseBody(
  bytes: Buffer,
  start: number,
  method: string,
  status: number,
  headers: Record<string, string>,
): { body: string; end: number } {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return { body: '', end: start }
  if (headers['transfer-encoding'] === 'chunked') return parseChunks(bytes, start)
  // Without a length, the end of the connection is the end of the body.
  const end = 'content-length' in headers ? start + Number(headers['content-length']) : bytes.length
  return { body: bytes.toString('utf8', start, end), end }
}

function parseChunks(bytes: Buffer, start: number): { body: string; end: number } {
  let body = ''
  let at = start
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    if (lineEnd === -1 || !(size > 0)) return { body, end: lineEnd === -1 ? bytes.length : lineEnd + 4 }
    body += bytes.toString('utf8', lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 2 + size + 2
  }
}
