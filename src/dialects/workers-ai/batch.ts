import type { Static } from 'typebox'
import { ValenceError } from '../../errors.ts'
import type { LabelScore } from '../../gateway/admission.ts'
import type { Caller } from '../../gateway/caller.ts'
import type { BatchRow } from '../../jobs/batches/batches.ts'
import { JOB_RESULT_NAME } from '../../jobs/batches/finish.ts'
import { readLines } from '../../jobs/batches/lines.ts'
import { jobStatus } from '../../jobs/classification-jobs.ts'
import type { Jobs } from '../../jobs/jobs.ts'
import { type JsonPieces, wholeJson } from './json-pieces.ts'
import type { QueueBody } from './schemas.ts'

/** Has texts classified by and by. The id by which the client asks for them later is that of a job. */
export async function queueTexts(
  { classificationJobs }: Jobs,
  {
    caller,
    model,
    tag,
    requests,
  }: Static<typeof QueueBody> & { caller: Caller; model: string; tag: string | undefined },
): Promise<JsonPieces> {
  const job = await classificationJobs.create(caller, {
    model,
    texts: requests.map(({ text }) => text),
    references: requests.map((request) => request.external_reference),
    tag,
    webhookUrl: undefined,
  })
  return wholeJson({ status: 'queued', request_id: job.id, model })
}

/**
 * How far queued texts are, or what came of them, in the order in which they were sent.
 *
 * @returns JSON in pieces, since there may be 50,000 results
 * @throws ValenceError `not_found` for an id that is not the caller's, or whose results are no longer kept; `invalid_request`
 *   for a queue of which none was run
 */
export async function queuedTexts(
  { classificationJobs, files }: Jobs,
  { accountId, requestId }: { accountId: string; requestId: string },
): Promise<JsonPieces> {
  const job = await classificationJobs.get(accountId, requestId)
  const status = jobStatus(job)
  if (status === 'queued') return wholeJson({ status: 'queued' })
  // What was run before it was cancelled has results as well.
  if (status === 'processing' || job.status === 'cancelling') return wholeJson({ status: 'running' })
  if (job.output_file_id === null) throw noneWasRun(job)
  const file = await classificationJobs.result(accountId, requestId, JOB_RESULT_NAME)
  return responsesOf(job, files.read(file))
}

/** What is handed on at once. */
const PIECE_LENGTH = 65_536

/** The results lie in the order of their texts. */
async function* responsesOf(job: BatchRow, results: AsyncIterable<Uint8Array>): JsonPieces {
  let piece = '{"responses":['
  let separator = ''
  for await (const line of readLines(results, { maxLineBytes: MAX_LINE_BYTES })) {
    if (!('text' in line)) continue
    piece += separator + JSON.stringify(responseOf(JSON.parse(line.text) as ResultLine))
    separator = ','
    if (piece.length < PIECE_LENGTH) continue
    yield piece
    piece = ''
  }
  yield `${piece}],"usage":${JSON.stringify(usageOf(job))}}`
}

/** A queue that was cancelled or gone wrong before its first text. */
function noneWasRun({ id, status, errors }: BatchRow): ValenceError {
  const why = errors?.[0]?.message
  return new ValenceError('invalid_request', `The batch ${id} is ${status}${why === undefined ? '.' : `: ${why}`}`)
}

/** A line has a text's labels and its reference, never the text. */
const MAX_LINE_BYTES = 1024 * 1024

/** What a job's results hold for a text. */
type ResultLine = { index: number; reference?: string } & (
  | {
      /** best first */
      scores: LabelScore[]
      /** the same, in the model's order of labels */
      probs: number[]
    }
  | { error: { message: string } }
)

function responseOf(line: ResultLine) {
  const { index: id, reference = null } = line
  if ('error' in line)
    return { id, result: {}, success: false, errors: [{ message: line.error.message }], external_reference: reference }
  return { id, result: inModelOrder(line), success: true, external_reference: reference }
}

/** Labels of the same score stand in the model's order among the best first as well. */
export function inModelOrder({ scores, probs }: { scores: LabelScore[]; probs: number[] }): LabelScore[] {
  const byScore = Map.groupBy(scores, ({ score }) => score)
  return probs.map((score) => byScore.get(score)!.shift()!)
}

function usageOf({ input_tokens: read, output_tokens: written }: BatchRow) {
  return { prompt_tokens: read, completion_tokens: written, total_tokens: read + written }
}
