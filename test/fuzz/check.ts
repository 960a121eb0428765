import type { WireAnswer } from './answers.ts'

/** What no message to a client may hold: marks of a stack trace, of our files, and of values nobody looked at. */
const FORBIDDEN = [
  /\n\s+at /,
  /node_modules/,
  /file:\/\//,
  /\/src\//,
  /\.ts\b/,
  /\bundefined\b/,
  /\[object Object\]/,
  /\bNaN\b/,
]

/** Statuses of 500 and more that mean "busy" or "too late", by dialect; everything else there is a fault. */
const DIALECTS = {
  'env-ai': { owns: /^\/(run$|ai-gateway\/|ai-api\/)/, unavailable: [] as number[], messageOf: envAiMessage },
  'workers-ai': { owns: /^\/client\//, unavailable: [] as number[], messageOf: workersAiMessage },
  huggingface: {
    owns: /^\/($|predict$|info$|(models|hf-inference|pipeline|status)(\/|$))/,
    unavailable: [503, 504],
    messageOf: huggingFaceMessage,
  },
  openai: { owns: /^/, unavailable: [503, 504], messageOf: openAiMessage },
}
/** What says "busy" or "too late" below 500. */
const BUSY_BELOW_500 = [408, 429]

/**
 * Says what is wrong with an answer.
 *
 * @param path where the request went, which says whose shape an error has
 * @param sent all that the client sent: what it said itself may be quoted back
 * @returns undefined where nothing is
 */
export function faultOf(
  { status, headers, body }: WireAnswer,
  { method, path, sent, valid }: { method: string; path: string; sent: string; valid: boolean },
): string | undefined {
  const address = path.split('?', 1)[0]!
  const { unavailable, messageOf } = Object.values(DIALECTS).find(({ owns }) => owns.test(address))!
  const busy = unavailable.includes(status) || BUSY_BELOW_500.includes(status)
  if (!Number.isInteger(status)) return 'the status line is malformed'
  if (status >= 500 && !busy) return `status ${status}`
  if (status < 400) return status < 300 ? undefined : `status ${status}`
  if (valid && !busy) return `a valid request is refused with ${status}`
  if (!headers['content-type']?.startsWith('application/json'))
    return `the error is ${headers['content-type']}, not JSON`
  if (method === 'HEAD') return undefined
  const message = messageOf(parsed(body), status)
  return message === undefined ? 'the error has not the shape of its dialect' : faultOfMessage(message, sent)
}

/** Where the request could not even be read, no address says whose client it is; its answer is JSON with an `error`. */
export function faultOfProtocolError({ status, headers, body }: WireAnswer): string | undefined {
  if (status < 400 || status >= 500) return `status ${status}`
  if (!headers['content-type']?.startsWith('application/json'))
    return `the error is ${headers['content-type']}, not JSON`
  const message = openAiMessage(parsed(body), status)
  return message === undefined ? 'the error has not the shape that unread requests get' : faultOfMessage(message, '')
}

function faultOfMessage(message: string, sent: string): string | undefined {
  if (message === '') return 'the message is empty'
  const found = FORBIDDEN.map((pattern) => pattern.exec(message)?.[0]).find(
    (match) => match !== undefined && !sent.includes(match),
  )
  return found === undefined ? undefined : `the message holds ${JSON.stringify(found)}: ${message.slice(0, 200)}`
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

type Json = Record<string, unknown>

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function hasKeys(value: unknown, ...keys: string[]): value is Json {
  return isObject(value) && JSON.stringify(Object.keys(value).toSorted()) === JSON.stringify(keys.toSorted())
}

/** `{"errors":[{"message","code"}],"success":false,"result":{},"messages":[]}` */
function workersAiMessage(body: unknown): string | undefined {
  if (!hasKeys(body, 'errors', 'success', 'result', 'messages')) return undefined
  const [error, ...more] = Array.isArray(body.errors) ? body.errors : []
  const { success, result, messages } = body
  if (success !== false || !hasKeys(result) || !Array.isArray(messages) || messages.length > 0) return undefined
  if (more.length > 0 || !hasKeys(error, 'message', 'code') || !Number.isInteger(error.code)) return undefined
  return typeof error.message === 'string' ? error.message : undefined
}

/** `{"internalCode":400,"name","message","description"}` */
function envAiMessage(body: unknown): string | undefined {
  if (!hasKeys(body, 'internalCode', 'name', 'message', 'description')) return undefined
  const { internalCode, name, message, description } = body
  if (!Number.isInteger(internalCode) || name !== 'AiError' || typeof description !== 'string') return undefined
  return typeof message === 'string' ? `${message} ${description}` : undefined
}

/** `{"error":"…"}` */
function huggingFaceMessage(body: unknown): string | undefined {
  return hasKeys(body, 'error') && typeof body.error === 'string' ? body.error : undefined
}

/** `{"error":{"message","type","code":400,"param"}}` */
function openAiMessage(body: unknown, status: number): string | undefined {
  if (!hasKeys(body, 'error') || !hasKeys(body.error, 'message', 'type', 'code', 'param')) return undefined
  const { message, type, code, param } = body.error
  if (typeof type !== 'string' || code !== status || (param !== null && typeof param !== 'string')) return undefined
  return typeof message === 'string' ? message : undefined
}
