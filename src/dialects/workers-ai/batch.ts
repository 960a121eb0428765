import type { Static } from 'typebox'
import type { LabelScore } from '../../gateway/admission.ts'
import type { Caller } from '../../gateway/caller.ts'
import type { BatchRow } from '../../jobs/batches/batches.ts'
import { JOB_RESULT_NAME } from '../../jobs/batches/finish.ts'
import { readLines } from '../../jobs/batches/lines.ts'
import { jobStatus } from '../../jobs/classification-jobs.ts'
import type { Jobs } from '../../jobs/jobs.ts'
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
) {
  const job = await classificationJobs.create(caller, {
    model,
    texts: requests.map(({ text }) => text),
    references: requests.map((request) => request.external_reference),
    tag,
    webhookUrl: undefined,
  })
  return { status: 'queued' as const, request_id: job.id, model }
}

/**
 * How far queued texts are, or what came of them, in the order in which they were sent.
 *
 * @throws ValenceError `not_found` for an id that is not the caller's, or whose results are no longer kept
 */
export async function queuedTexts(
  { classificationJobs, files }: Jobs,
  { accountId, requestId }: { accountId: string; requestId: string },
) {
  const job = await classificationJobs.get(accountId, requestId)
  const status = jobStatus(job)
  if (status === 'queued') return { status: 'queued' as const }
  if (status === 'processing') return { status: 'running' as const }
  const file = await classificationJobs.result(accountId, requestId, JOB_RESULT_NAME)
  const responses: ReturnType<typeof responseOf>[] = []
  for await (const line of readLines(files.read(file), { maxLineBytes: MAX_LINE_BYTES })) {
    if ('text' in line) responses.push(responseOf(JSON.parse(line.text) as ResultLine))
  }
  return { responses: responses.toSorted((a, b) => a.id - b.id), usage: usageOf(job) }
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
  const { scores, probs } = line
  const result = scores.toSorted((a, b) => probs.indexOf(a.score) - probs.indexOf(b.score))
  return { id, result, success: true, external_reference: reference }
}

function usageOf({ input_tokens: read, output_tokens: written }: BatchRow) {
  return { prompt_tokens: read, completion_tokens: written, total_tokens: read + written }
}
