import { setTimeout } from 'node:timers/promises'
import type { Caller } from '../../gateway/caller.ts'
import { advanceBatch, type BatchRow, type Progress } from '../../store/batches.ts'
import { gathered } from '../gathered.ts'
import type { BatchContext } from './context.ts'
import { type Line, readLines } from './lines.ts'
import { readRequestLine } from './request-line.ts'
import { isFailure, resultLine } from './result-line.ts'
import { type Outcome, runLine } from './run-line.ts'

/** Enough lines to fill the engine's packs, few enough for whoever calls meanwhile to wait some milliseconds. */
const LINES_AT_ONCE = 32

/** After this long another batch gets its turn, so that a large one does not keep the small ones waiting. */
const SLICE_MS = 10_000

/** How long to stand back when interactive traffic waits. */
const STAND_BACK_MS = 20

/** Why a slice ended: no lines are left, its time is up, the server had no place for more, or the batch was cancelled. */
export type SliceEnd = 'no_lines' | 'time' | 'no_place' | 'cancelled'

/** Another process has the batch in hand; it was gone too long from ours. */
export class LeaseLost extends Error {}

/**
 * Runs lines of a batch for a while. The results of some lines and the note that they are done are kept together, so a
 * process that dies at any moment leaves each line either done or not begun.
 *
 * @throws LeaseLost; the signal's reason where it is aborted
 */
export async function runSlice(
  context: BatchContext,
  batch: BatchRow,
  owner: string,
  signal: AbortSignal,
): Promise<SliceEnd> {
  const deadline = performance.now() + SLICE_MS
  const { store, contents, maxLineBytes } = context
  const from = { number: batch.read_line, end: batch.read_byte }
  const lines = readLines(contents.read(batch.input_content_id, from.end), { maxLineBytes, from })
  let readLine = from.number
  // While the results of some lines are on their way to the disk, the next lines run.
  let kept: Promise<BatchRow | undefined> = Promise.resolve(batch)
  let end: SliceEnd = 'no_lines'
  for await (const chunk of gathered(lines, LINES_AT_ONCE)) {
    const progress =
      (await quiet(context, deadline, signal)) && (await runChunk(context, batch, chunk, readLine, signal))
    const isCancelled = statusOf(await kept) === 'cancelling'
    // What was run is kept, whatever became of the batch meanwhile: it was charged.
    if (progress) {
      kept = advanceBatch(store.db, batch.id, owner, progress)
      readLine = progress.to.readLine
    }
    if (isCancelled) end = 'cancelled'
    else if (performance.now() > deadline) end = 'time'
    else if (!progress || progress.results.length < chunk.length) end = 'no_place'
    else continue
    break
  }
  return statusOf(await kept) === 'cancelling' ? 'cancelled' : end
}

function statusOf(batch: BatchRow | undefined): BatchRow['status'] {
  if (!batch) throw new LeaseLost()
  return batch.status
}

/** Waits until no interactive traffic does. false where the slice's time is up before that. */
async function quiet({ isQuiet }: BatchContext, deadline: number, signal: AbortSignal): Promise<boolean> {
  while (!isQuiet()) {
    if (performance.now() > deadline) return false
    await setTimeout(STAND_BACK_MS, undefined, { signal })
  }
  return true
}

/** Runs some lines at once. Where there is no place for one of them, those before it count; undefined is none. */
async function runChunk(
  context: BatchContext,
  batch: BatchRow,
  chunk: readonly Line[],
  readLine: number,
  signal: AbortSignal,
): Promise<Progress | undefined> {
  const outcomes = await Promise.all(chunk.map((line) => answer(context, batch, line, signal)))
  const firstMissing = outcomes.indexOf(undefined)
  const done = (firstMissing === -1 ? outcomes : outcomes.slice(0, firstMissing)) as Answered[]
  const last = chunk[done.length - 1]
  if (!last) return undefined
  return {
    results: done.map(({ outcome, content }, index) => ({
      line: chunk[index]!.number,
      isFailure: isFailure(outcome),
      content,
    })),
    inputTokens: done.reduce((sum, { outcome }) => sum + outcome.inputTokens, 0),
    outputTokens: done.reduce((sum, { outcome }) => sum + outcome.outputTokens, 0),
    from: { readLine },
    to: { readLine: last.number, readByte: last.end },
  }
}

type Answered = { outcome: Outcome; content: string }

async function answer(
  { operations }: BatchContext,
  batch: BatchRow,
  line: Line,
  signal: AbortSignal,
): Promise<Answered | undefined> {
  const request = readRequestLine(line, batch.endpoint)
  if ('code' in request) throw new Error(`line ${line.number} of ${batch.id} is not what it was when it was validated`)
  const requestId = `${batch.id}:${line.number}`
  const call = {
    caller: batch.caller as Caller,
    requestId,
    workId: requestId,
    route: batch.endpoint,
    tag: batch.tag ?? undefined,
    signal,
  }
  const operation = operations.byPath.get(batch.endpoint)!
  const outcome = await runLine(operation, request.body, call, operations.renderError)
  return outcome && { outcome, content: resultLine(batch.kind, request.customId, requestId, outcome) }
}
