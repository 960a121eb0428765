import { setImmediate, setTimeout } from 'node:timers/promises'
import type { Caller } from '../../gateway/caller.ts'
import type { BatchRow } from '../../store/batches.ts'
import { gathered } from '../gathered.ts'
import type { BatchContext } from './context.ts'
import { createKeeper, type Keeper } from './keeper.ts'
import { type Line, readLines } from './lines.ts'
import { readRequestLine } from './request-line.ts'
import { isFailure, resultLine } from './result-line.ts'
import { type Outcome, runLine } from './run-line.ts'

/** Two chunks run at a time, and together fill the engine's packs even where each line is a few tokens long. */
const CHUNK_LINES = 64

/** Lines may be as long as the body of a request, and a chunk is in memory. */
const CHUNK_BYTES = 262_144

/** Lines that begin before whatever else waits in this process has its turn. */
const LINES_A_TURN = 8

/** After this long another batch gets its turn, so that a large one does not keep the small ones waiting. */
const SLICE_MS = 10_000

/** How long to stand back when interactive traffic waits. */
const STAND_BACK_MS = 20

/** Why a slice ended: no lines are left, its time is up, the server had no place for more, or the batch was cancelled. */
export type SliceEnd = 'no_lines' | 'time' | 'no_place' | 'cancelled'

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
  const keeper = createKeeper(store, batch, owner)
  let before: Chunk | undefined
  let end: SliceEnd | undefined
  try {
    for await (const some of gathered(lines, isFull)) {
      const isQuiet = await quiet(context, deadline, signal)
      // It begins while the one before it ends, so that the engine always has work.
      const next = isQuiet ? begin(context, batch, some, signal) : undefined
      const current = before
      before = next
      if (current) end = await keepChunk(keeper, current, deadline)
      if (!isQuiet) end ??= 'no_place'
      if (end !== undefined) break
    }
    // What was run is kept, whatever became of the batch meanwhile: it was charged. But a gap before it undoes it.
    if (before && end !== 'no_place') end = (await keepChunk(keeper, before, deadline)) ?? end
    return (await keeper.done()) === 'cancelling' ? 'cancelled' : (end ?? 'no_lines')
  } finally {
    // Nothing of a slice goes on after it.
    await before?.answers.catch(() => {})
  }
}

/** Lines that run together. */
type Chunk = { lines: readonly Line[]; answers: Promise<readonly Answered[]> }

function isFull(lines: readonly Line[]): boolean {
  return lines.length >= CHUNK_LINES || lines.at(-1)!.end - lines[0]!.end > CHUNK_BYTES
}

/** Keeps what came of a chunk, and says whether that ends the slice. */
async function keepChunk(keeper: Keeper, { lines, answers }: Chunk, deadline: number): Promise<SliceEnd | undefined> {
  const done = await answers
  const last = lines[done.length - 1]
  if (!last) return 'no_place'
  const status = await keeper.keep({
    results: done.map(({ outcome, content }, index) => ({
      line: lines[index]!.number,
      isFailure: isFailure(outcome),
      content,
    })),
    inputTokens: done.reduce((sum, { outcome }) => sum + outcome.inputTokens, 0),
    outputTokens: done.reduce((sum, { outcome }) => sum + outcome.outputTokens, 0),
    to: { readLine: last.number, readByte: last.end },
  })
  if (status === 'cancelling') return 'cancelled'
  if (done.length < lines.length) return 'no_place'
  return performance.now() > deadline ? 'time' : undefined
}

/** Waits until no interactive traffic does. false where the slice's time is up before that. */
async function quiet({ isQuiet }: BatchContext, deadline: number, signal: AbortSignal): Promise<boolean> {
  while (!isQuiet()) {
    if (performance.now() > deadline) return false
    await setTimeout(STAND_BACK_MS, undefined, { signal })
  }
  return true
}

function begin(context: BatchContext, batch: BatchRow, lines: readonly Line[], signal: AbortSignal): Chunk {
  const answers = answerAll(context, batch, lines, signal)
  // Whoever waits for it hears of a failure; until then nobody listens, which must not end the process.
  answers.catch(() => {})
  return { lines, answers }
}

/** Runs some lines at once. Where there is no place for one of them, those before it count. */
async function answerAll(
  context: BatchContext,
  batch: BatchRow,
  lines: readonly Line[],
  signal: AbortSignal,
): Promise<readonly Answered[]> {
  const begun: Promise<Answered | undefined>[] = []
  for (const line of lines) {
    const answered = answer(context, batch, line, signal)
    answered.catch(() => {})
    begun.push(answered)
    if (begun.length % LINES_A_TURN === 0) await setImmediate()
  }
  const outcomes = await Promise.all(begun)
  const firstMissing = outcomes.indexOf(undefined)
  return (firstMissing === -1 ? outcomes : outcomes.slice(0, firstMissing)) as Answered[]
}

type Answered = { outcome: Outcome; content: string }

async function answer(
  { operations, isQuiet }: BatchContext,
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
    lane: 'background' as const,
    signal,
  }
  const operation = operations.byPath.get(batch.endpoint)!
  const outcome = await runLine(operation, request.body, call, { isQuiet, renderError: operations.renderError })
  return outcome && { outcome, content: resultLine(batch.kind, request.customId, requestId, outcome) }
}
