import { ValenceError } from '../errors.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads a request's body as JSON, whatever its content type says: the documented curl of Workers AI sends JSON as a form.
 *
 * @returns undefined for an empty body, which some routes take
 * @throws ValenceError `body_not_json`
 */
export function parseJsonBody(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch (cause) {
    throw new ValenceError('body_not_json', 'The body is not valid UTF-8.', { cause })
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    // The parser's own message quotes the body, which may be private.
    throw new ValenceError('body_not_json', 'The body is not valid JSON.', { cause: (cause as Error).name })
  }
}

export function bodyMissing(): ValenceError {
  return new ValenceError('body_missing', 'The request has no body; send a JSON object.')
}
