import type { Line } from './lines.ts'

/** What a line of a batch asks for. */
export type RequestLine = { customId: string; body: Record<string, unknown> }

/** What is wrong with a line, in OpenAI's words. */
export type LineError = { code: string; message: string; param: string | null; line: number | null }

/** The longest name that a line may have; a file of 50,000 must not fill the memory with them. */
const MAX_CUSTOM_ID_LENGTH = 512

/**
 * Reads a line of a batch's input file.
 *
 * @param endpoint the batch's own, which every line has to name
 */
export function readRequestLine(line: Line, endpoint: string): RequestLine | LineError {
  const wrong = (code: string, param: string | null, message: string): LineError => ({
    code,
    message,
    param,
    line: line.number,
  })
  if ('problem' in line) {
    return line.problem === 'too_long'
      ? wrong('line_too_long', null, 'This line is longer than the body of a request may be.')
      : wrong('invalid_json_line', null, 'This line is not valid UTF-8.')
  }
  const request = parseObject(line.text)
  if (request === undefined) return wrong('invalid_json_line', null, 'This line is not parseable as valid JSON.')
  const { custom_id: customId, method, url, body } = request
  for (const field of ['custom_id', 'method', 'url', 'body']) {
    if (request[field] === undefined) {
      return wrong('missing_required_parameter', field, `Missing required parameter: '${field}'.`)
    }
  }
  if (typeof customId !== 'string' || customId.length > MAX_CUSTOM_ID_LENGTH) {
    return wrong(
      'invalid_custom_id',
      'custom_id',
      `custom_id must be a text of at most ${MAX_CUSTOM_ID_LENGTH} characters.`,
    )
  }
  if (method !== 'POST') return wrong('invalid_method', 'method', 'method must be "POST".')
  if (url !== endpoint) {
    return wrong(
      'mismatched_url',
      'url',
      `The url of this line is not ${endpoint}, which is the endpoint of the batch.`,
    )
  }
  if (!isObject(body)) return wrong('invalid_body', 'body', 'body must be an object.')
  return { customId, body }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
