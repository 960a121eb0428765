/** A line of a file; its number counts from 1, blank lines included. */
export type Line = {
  number: number
  /** the byte where the next line begins */
  end: number
} & ({ text: string } | { problem: 'too_long' | 'not_utf8' })

/** Where a reader stands: at the beginning of a file, or after a line that it has read before. */
export type Position = { number: number; end: number }

const BEGINNING: Position = { number: 0, end: 0 }

const NEWLINE = 0x0a

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads a file of lines however it comes in pieces, and never holds more of it than a line and a piece. Lines end with
 * LF or CRLF, the last with nothing if it likes; a byte order mark is passed over, and so are blank lines.
 *
 * @param pieces the file from `from.end` on
 * @param options.maxLineBytes a longer line is passed over, and reported as a problem
 */
export async function* readLines(
  pieces: AsyncIterable<Uint8Array>,
  { maxLineBytes, from = BEGINNING }: { maxLineBytes: number; from?: Position },
): AsyncGenerator<Line> {
  let { number, end } = from
  let parts: Uint8Array[] = []
  let bytes = 0

  const finish = (last: Uint8Array): Line | undefined => {
    number += 1
    const whole = parts.length === 0 ? last : Buffer.concat([...parts, last])
    const line = bytes > maxLineBytes ? { problem: 'too_long' as const } : decode(whole, { isFirst: number === 1 })
    parts = []
    bytes = 0
    return 'text' in line && line.text.trim() === '' ? undefined : { number, end, ...line }
  }

  for await (const piece of pieces) {
    let start = 0
    while (start < piece.length) {
      const newline = piece.indexOf(NEWLINE, start)
      const stop = newline === -1 ? piece.length : newline
      const part = piece.subarray(start, stop)
      bytes += part.length
      end += part.length + (newline === -1 ? 0 : 1)
      start = stop + 1
      if (newline !== -1) {
        const line = finish(part)
        if (line) yield line
      }
      // Of a line that is too long nothing is kept; of others a copy, since a source may fill the same memory again.
      else parts = bytes > maxLineBytes ? [] : [...parts, new Uint8Array(part)]
    }
  }
  if (bytes > 0) {
    const line = finish(new Uint8Array())
    if (line) yield line
  }
}

function decode(bytes: Uint8Array, { isFirst }: { isFirst: boolean }): { text: string } | { problem: 'not_utf8' } {
  try {
    const text = decoder.decode(bytes).replace(/\r$/, '')
    return { text: isFirst ? text.replace(/^\uFEFF/, '') : text }
  } catch {
    return { problem: 'not_utf8' }
  }
}
