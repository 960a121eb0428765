import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { Static } from 'typebox'
import type { Admission, LabelScore } from '../../gateway/admission.ts'
import type { Caller } from '../../gateway/caller.ts'
import type { BatchRow } from '../../jobs/batches/batches.ts'
import { JOB_RESULT_NAME } from '../../jobs/batches/finish.ts'
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
  admission: Admission,
  { accountId, requestId }: { accountId: string; requestId: string },
) {
  const job = await classificationJobs.get(accountId, requestId)
  const status = jobStatus(job)
  if (status === 'queued') return { status: 'queued' as const }
  if (status === 'processing') return { status: 'running' as const }
  const file = await classificationJobs.result(accountId, requestId, JOB_RESULT_NAME)
  const { labels } = admission.model(job.model!).model
  const responses: ReturnType<typeof responseOf>[] = []
  for await (const line of createInterface({ input: Readable.from(files.read(file)) })) {
    responses.push(responseOf(JSON.parse(line) as ResultLine, labels))
  }
  return { responses: responses.toSorted((a, b) => a.id - b.id), usage: usageOf(job) }
}

/** What a job's results hold for a text. */
type ResultLine = { index: number; reference?: string } & ({ scores: LabelScore[] } | { error: { message: string } })

function responseOf(line: ResultLine, labels: readonly string[]) {
  const { index: id, reference = null } = line
  if ('error' in line)
    return { id, result: {}, success: false, errors: [{ message: line.error.message }], external_reference: reference }
  // A job ranks them; this API has them in the model's order.
  const result = line.scores.toSorted((a, b) => labels.indexOf(a.label) - labels.indexOf(b.label))
  return { id, result, success: true, external_reference: reference }
}

function usageOf({ input_tokens: read, output_tokens: written }: BatchRow) {
  return { prompt_tokens: read, completion_tokens: written, total_tokens: read + written }
}
