import { createHash } from 'node:crypto'
import { ValenceError } from '../../errors.ts'
import type { BatchError } from '../../store/batches.ts'
import { type Line, readLines } from './lines.ts'
import type { Operation } from './operations.ts'
import { readRequestLine } from './request-line.ts'

/** OpenAI's bound on the lines of a batch. */
export const MAX_LINES = 50_000

/** Whoever has this many errors to mend needs no more. */
const MAX_ERRORS = 100

/**
 * Reads the whole input of a batch before any of it is run, so that a mistake costs nothing.
 *
 * @param pieces the input file
 * @returns how many lines there are to run, or what is wrong with them
 */
export async function validateInput(
  pieces: AsyncIterable<Uint8Array>,
  options: { endpoint: string; operation: Operation; maxLineBytes: number; signal: AbortSignal },
): Promise<{ total: number } | { errors: BatchError[] }> {
  const { endpoint, operation, maxLineBytes, signal } = options
  const errors: BatchError[] = []
  const seen = new Set<string>()
  let total = 0
  for await (const line of readLines(pieces, { maxLineBytes })) {
    signal.throwIfAborted()
    total += 1
    if (total > MAX_LINES) return { errors: [...errors, tooManyLines()] }
    const error = errorOf(line, endpoint, operation, seen)
    if (error === undefined) continue
    errors.push(error)
    if (errors.length === MAX_ERRORS) break
  }
  if (total === 0) errors.push(wrong(null, 'empty_file', null, 'The input file contains no requests.'))
  return errors.length === 0 ? { total } : { errors }
}

function errorOf(line: Line, endpoint: string, operation: Operation, seen: Set<string>): BatchError | undefined {
  const request = readRequestLine(line, endpoint)
  if ('code' in request) return request
  // Names may be long, and there may be 50,000 of them.
  const name = createHash('sha256').update(request.customId).digest('base64')
  if (seen.has(name)) {
    return wrong(
      line.number,
      'duplicate_custom_id',
      'custom_id',
      'Another line before this one has the same custom_id.',
    )
  }
  seen.add(name)
  try {
    operation.checkModel(request.body)
    return undefined
  } catch (error) {
    if (!(error instanceof ValenceError)) throw error
    return wrong(line.number, error.code, 'body.model', error.message)
  }
}

function tooManyLines(): BatchError {
  return wrong(MAX_LINES + 1, 'too_many_requests', null, `A batch may have at most ${MAX_LINES} requests.`)
}

function wrong(line: number | null, code: string, param: string | null, message: string): BatchError {
  return { code, message, param, line }
}
