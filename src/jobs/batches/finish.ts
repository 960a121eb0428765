import type { Transaction } from 'kysely'
import { type BatchRow, type FinalStatus, finishBatch, resultsAfter } from '../../store/batches.ts'
import type { Database } from '../../store/database.ts'
import { insertFile } from '../../store/files.ts'
import { announce } from '../events.ts'
import type { Written } from '../files/contents.ts'
import { newId } from '../ids.ts'
import type { BatchContext } from './context.ts'
import { LeaseLost } from './keeper.ts'
import { readLines } from './lines.ts'
import { readRequestLine } from './request-line.ts'
import { NEVER_RUN, neverRunLine } from './result-line.ts'

/** Results are read in parts of this size. */
const RESULTS_AT_ONCE = 200

/** OpenAI keeps what a batch has made for 30 days. */
const KEEP_OUTPUT_MS = 30 * 24 * 3_600_000

type Output = { contentId: string; filename: string } & Written

/**
 * Makes files of a batch's results and ends it. Until the very end nobody sees any of it, and a second try begins anew.
 *
 * @param batch `finalizing` or `cancelling`
 * @throws LeaseLost
 */
export async function finish(context: BatchContext, batch: BatchRow, owner: string): Promise<void> {
  const status = finalStatus(batch)
  const output = await write(context, outputName(batch), outputOf(context, batch, status))
  const errors =
    batch.kind === 'batch'
      ? await write(context, `${batch.id}_error.jsonl`, errorsOf(context, batch, status))
      : undefined
  await context.store.db.transaction().execute(async (transaction) => {
    const outputFileId = await keep(transaction, batch, output)
    const errorFileId = await keep(transaction, batch, errors)
    const ended = await finishBatch(transaction, batch.id, owner, { status, outputFileId, errorFileId })
    if (!ended) throw new LeaseLost()
    await announce(context.queue, transaction, ended)
  })
  context.queue.wake('webhook')
  // A job's input is nobody's file.
  if (batch.kind === 'job') await context.contents.remove(batch.input_content_id)
}

function finalStatus(batch: BatchRow): FinalStatus {
  if (batch.status === 'cancelling') return 'cancelled'
  return isWholeRun(batch) ? 'completed' : 'expired'
}

function isWholeRun({ total, completed, failed, in_progress_at: begun }: BatchRow): boolean {
  return begun !== null && completed + failed === total
}

function outputName({ id, kind }: BatchRow): string {
  return kind === 'job' ? JOB_RESULT_NAME : `${id}_output.jsonl`
}

/** What a job's only file is called. */
export const JOB_RESULT_NAME = 'results.jsonl'

/** The answers; of a job, everything, since it has one file alone. */
async function* outputOf(context: BatchContext, batch: BatchRow, status: FinalStatus): AsyncGenerator<Uint8Array> {
  if (batch.kind === 'batch') yield* keptResults(context, batch, false)
  else {
    yield* keptResults(context, batch, undefined)
    yield* neverRun(context, batch, status)
  }
}

async function* errorsOf(context: BatchContext, batch: BatchRow, status: FinalStatus): AsyncGenerator<Uint8Array> {
  yield* keptResults(context, batch, true)
  yield* neverRun(context, batch, status)
}

async function* keptResults(
  { store }: BatchContext,
  { id }: BatchRow,
  isFailure: boolean | undefined,
): AsyncGenerator<Uint8Array> {
  for (let line = 0; ; ) {
    const part = { line, limit: RESULTS_AT_ONCE, ...(isFailure !== undefined && { isFailure }) }
    const results = await resultsAfter(store.db, id, part)
    if (results.length === 0) return
    yield Buffer.from(results.map(({ content }) => `${content}\n`).join(''))
    line = results.at(-1)!.line
  }
}

/** The lines that were not reached before the batch's time was up, or before it was cancelled. */
async function* neverRun(context: BatchContext, batch: BatchRow, status: FinalStatus): AsyncGenerator<Uint8Array> {
  // What was never validated may hold anything.
  if (status === 'completed' || batch.in_progress_at === null) return
  const { contents, maxLineBytes } = context
  const from = { number: batch.read_line, end: batch.read_byte }
  for await (const line of readLines(contents.read(batch.input_content_id, from.end), { maxLineBytes, from })) {
    const request = readRequestLine(line, batch.endpoint)
    if ('code' in request) continue
    yield Buffer.from(`${neverRunLine(batch.kind, request.customId, NEVER_RUN[status])}\n`)
  }
}

async function write(
  { contents }: BatchContext,
  filename: string,
  source: AsyncIterable<Uint8Array>,
): Promise<Output | undefined> {
  // A new content each time: another try that was thought dead may still write to its own.
  const contentId = newId('content_')
  const written = await contents.write(contentId, source, { maxBytes: Number.POSITIVE_INFINITY })
  if (written.bytes > 0) return { contentId, filename, ...written }
  await contents.remove(contentId)
  return undefined
}

async function keep(
  transaction: Transaction<Database>,
  { account_id: accountId, kind }: BatchRow,
  output: Output | undefined,
): Promise<string | null> {
  if (!output) return null
  const { contentId, filename, bytes, sha256 } = output
  const file = await insertFile(transaction, {
    id: newId('file-'),
    account_id: accountId,
    content_id: contentId,
    filename,
    purpose: kind === 'job' ? 'job_output' : 'batch_output',
    bytes,
    sha256,
    expires_at: new Date(Date.now() + KEEP_OUTPUT_MS),
  })
  return file.id
}
