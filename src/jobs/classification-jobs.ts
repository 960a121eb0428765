import { ValenceError } from '../errors.ts'
import type { Caller } from '../gateway/caller.ts'
import { type BatchRow, cancelBatch, findBatch } from '../store/batches.ts'
import { type FileRow, findFile } from '../store/files.ts'
import { enqueue, refuseTooMany, woken } from './batches/batches.ts'
import type { BatchContext } from './batches/context.ts'
import { JOB_RESULT_NAME } from './batches/finish.ts'
import { jobLineId } from './batches/result-line.ts'
import { MAX_LINES } from './batches/validate.ts'
import { isJobCompleted } from './events.ts'
import { newId } from './ids.ts'

/** What answers a job's texts. */
const ENDPOINT = '/v1/classifications'

export type JobRequest = {
  model: string | undefined
  texts: readonly string[]
  /** what the client knows each text by, where it says; they come back in the results */
  references?: readonly (string | undefined)[]
  tag: string | undefined
  webhookUrl: string | undefined
}

/** A job as whoever asked for it sees it; one that was cancelled counts as failed, so that whoever waits stops waiting. */
export type JobStatus = 'queued' | 'processing' | 'completed' | 'failed'

/** Classifications of many texts that nobody waits for at the end of a line: batches made of one request. */
export type ClassificationJobs = {
  /** @throws ValenceError `model_not_found`, `invalid_request`, `body_too_large` for a text that is longer than one may be */
  create(caller: Caller, request: JobRequest): Promise<BatchRow>
  /** @throws ValenceError `not_found` */
  get(accountId: string, id: string): Promise<BatchRow>
  /** Cancels a job that is not over; one that is stays as it is. @throws ValenceError `not_found` */
  cancel(accountId: string, id: string): Promise<BatchRow>
  /**
   * The file of a job's results.
   *
   * @param name what the file is called within the job
   * @throws ValenceError `not_found`, as long as there is none too
   */
  result(accountId: string, id: string, name: string): Promise<FileRow>
}

export function createClassificationJobs(context: BatchContext): ClassificationJobs {
  const { db } = context.store
  const get = async (accountId: string, id: string) => {
    const job = await findBatch(db, 'job', accountId, id)
    if (!job) throw new ValenceError('not_found', `There is no job ${id.slice(0, 100)}.`)
    return job
  }
  return {
    async create(caller, { model, texts, references = [], tag, webhookUrl }) {
      if (texts.length > MAX_LINES) {
        throw new ValenceError(
          'invalid_request',
          `A job may have at most ${MAX_LINES} texts; this one has ${texts.length}.`,
          {
            field: 'input',
          },
        )
      }
      context.operations.byPath.get(ENDPOINT)!.checkModel({ model })
      // Asked again when it is kept; before that nothing need be written.
      await refuseTooMany(db, caller.accountId)
      const contentId = newId('content_')
      const lines = linesOf({ model, texts, references, maxLineBytes: context.maxLineBytes })
      await context.contents.write(contentId, lines, { maxBytes: Number.POSITIVE_INFINITY })
      try {
        const job = await db.transaction().execute((transaction) =>
          enqueue(context, transaction, {
            id: newId('job_'),
            kind: 'job',
            accountId: caller.accountId,
            caller,
            tag,
            endpoint: ENDPOINT,
            completionWindow: '24h',
            metadata: null,
            webhookUrl,
            model,
            inputFileId: '',
            inputContentId: contentId,
            total: texts.length,
          }),
        )
        return woken(context, job)
      } catch (error) {
        await context.contents.remove(contentId)
        throw error
      }
    },
    get,
    async cancel(accountId, id) {
      const job = await cancelBatch(db, 'job', accountId, id)
      if (!job) return get(accountId, id)
      await context.queue.send('batch', { batchId: id }, { key: id })
      return job
    },
    async result(accountId, id, name) {
      const { output_file_id: fileId } = await get(accountId, id)
      const file = name === JOB_RESULT_NAME && fileId !== null ? await findFile(db, accountId, fileId) : undefined
      if (!file) throw new ValenceError('not_found', `The job ${id} has no file ${JSON.stringify(name.slice(0, 100))}.`)
      return file
    },
  }
}

/** How far a job is. */
export function jobStatus(job: BatchRow): JobStatus {
  switch (job.status) {
    case 'validating':
      return 'queued'
    case 'in_progress':
      return job.in_progress_at === null ? 'queued' : 'processing'
    case 'finalizing':
      return 'processing'
    default:
      return isJobCompleted(job) ? 'completed' : 'failed'
  }
}

/** What is written at once; 50,000 short texts would otherwise be 50,000 writes. */
const PIECE_LENGTH = 65_536

/** A job's input: a line a text, each a request of its own. */
async function* linesOf({
  model,
  texts,
  references,
  maxLineBytes,
}: {
  model: string | undefined
  texts: readonly string[]
  references: readonly (string | undefined)[]
  maxLineBytes: number
}): AsyncGenerator<Uint8Array> {
  let piece = ''
  for (const [index, input] of texts.entries()) {
    const request = {
      custom_id: jobLineId(index, references[index]),
      method: 'POST',
      url: ENDPOINT,
      body: { model, input },
    }
    const line = JSON.stringify(request)
    if (Buffer.byteLength(line) > maxLineBytes) throw tooLong(index)
    piece += `${line}\n`
    if (piece.length < PIECE_LENGTH) continue
    yield Buffer.from(piece)
    piece = ''
  }
  yield Buffer.from(piece)
}

/** Nobody could run it: a line has the bound of a request's body. */
function tooLong(index: number): ValenceError {
  return new ValenceError('body_too_large', `Text number ${index + 1} is longer than this server takes.`, {
    field: `input[${index}]`,
  })
}
