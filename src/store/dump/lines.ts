import { StoreError } from '../store-error.ts'

/** A row has the bytes of one request or result at most; a longer line is no dump's. */
const MAX_LINE_CHARACTERS = 256 * 1024 * 1024

/**
 * The values of JSON lines.
 *
 * @throws StoreError where the stream is no dump, or ends amid a line
 */
export async function* parseLines(source: AsyncIterable<Uint8Array>): AsyncGenerator {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let pieces: string[] = []
  let length = 0
  for await (const bytes of source) {
    let text = decoder.decode(bytes, { stream: true })
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      pieces.push(text.slice(0, end))
      yield parse(pieces.join(''))
      pieces = []
      length = 0
      text = text.slice(end + 1)
    }
    pieces.push(text)
    length += text.length
    if (length > MAX_LINE_CHARACTERS) throw new StoreError('This is no dump of Valence: it has a line without an end.')
  }
  if (length > 0) throw cutOff()
}

export function cutOff(): StoreError {
  return new StoreError('The dump is cut off; nothing was restored.')
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw new StoreError('This is no dump of Valence, or it is damaged: a line is not JSON.')
  }
}
