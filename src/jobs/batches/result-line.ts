import { randomBytes } from 'node:crypto'
import type { BatchKind } from '../../store/batches.ts'
import type { Outcome } from './run-line.ts'

/** Why a line was never run, in OpenAI's words. */
export const NEVER_RUN = {
  expired: {
    code: 'batch_expired',
    message: 'This request could not be executed before the completion window expired.',
  },
  cancelled: { code: 'batch_cancelled', message: 'This request was not executed, since the batch was cancelled.' },
}

export function isFailure({ status }: Outcome): boolean {
  return status >= 400
}

/** Writes what came of a line as a line of the output file or the error file. */
export function resultLine(kind: BatchKind, customId: string, requestId: string, outcome: Outcome): string {
  if (kind === 'job') return jobLine(customId, outcome)
  const response = { status_code: outcome.status, request_id: requestId, body: outcome.body }
  return JSON.stringify({ id: lineId(), custom_id: customId, response, error: null })
}

/** Writes that a line was never run. */
export function neverRunLine(kind: BatchKind, customId: string, error: { code: string; message: string }): string {
  if (kind === 'job') return JSON.stringify({ ...readJobLineId(customId), error })
  return JSON.stringify({ id: lineId(), custom_id: customId, response: null, error })
}

/** A job's lines are its texts, so each result is that of the one text. */
function jobLine(customId: string, { status, body }: Outcome): string {
  if (status >= 400) return JSON.stringify({ ...readJobLineId(customId), ...(body as { error: unknown }) })
  const [result] = (body as { data: object[] }).data
  return JSON.stringify({ ...result, ...readJobLineId(customId) })
}

/** Names a job's line by the place of its text, and by what the client knows that by. */
export function jobLineId(index: number, reference: string | undefined): string {
  return reference === undefined ? String(index) : `${index} ${reference}`
}

function readJobLineId(customId: string): { index: number; reference?: string } {
  const [, index, , reference] = /^(\d+)( (.*))?$/s.exec(customId)!
  return { index: Number(index), ...(reference !== undefined && { reference }) }
}

function lineId(): string {
  return `batch_req_${randomBytes(12).toString('hex')}`
}
