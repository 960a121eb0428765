import { HubError } from './errors.ts'
import type { HubAnswer } from './http.ts'

/**
 * Reads a body as text.
 *
 * @throws HubError `bad_answer` where it is longer than it may be, and what `chunks` throws
 */
export async function readText(answer: HubAnswer, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer.chunks()) {
    bytes += chunk.length
    if (bytes > maxBytes)
      throw new HubError('bad_answer', `${answer.host} sends more than ${maxBytes} bytes where few belong.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
