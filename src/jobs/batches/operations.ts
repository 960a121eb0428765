import type { ValenceError } from '../../errors.ts'
import type { Caller } from '../../gateway/caller.ts'

/** An operation of a dialect without its HTTP: what answers the lines of a batch. */
export type Operation = {
  /** @throws ValenceError `model_not_found` where a body names a model that nobody knows */
  checkModel(body: Record<string, unknown>): void
  /** @throws ValenceError as the operation's own route does */
  run(body: Record<string, unknown>, call: LineCall): Promise<LineAnswer>
}

export type LineCall = {
  caller: Caller
  requestId: string
  /** the same each time that the line is run, so that it is charged once */
  workId: string
  /** behind whoever waits for an answer */
  lane: 'background'
  route: string
  tag: string | undefined
  signal: AbortSignal
}

export type LineAnswer = { body: unknown; inputTokens: number; outputTokens: number }

export type Operations = {
  /** by the path that a batch names as its endpoint */
  byPath: ReadonlyMap<string, Operation>
  renderError(error: ValenceError): { status: number; body: unknown }
}
