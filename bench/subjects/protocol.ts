/**
 * What the bench says to a library's process, and hears from it: JSON, a line each; on the way back every line begins with
 * MARK, because libraries print what they like. The first line back is `Hello`.
 */
export const MARK = '@bench '

export type Hello = {
  /** where it serves over HTTP; none for a subject that is only called in its own process */
  url?: string
  /** versions, and whatever the library decided by itself */
  versions: Record<string, string | number>
}

export type Task =
  /** texts one at a time, beginning with text `start` */
  | { task: 'one'; workload: string; start: number; seconds: number }
  /** batch after batch, beginning with batch `start` */
  | { task: 'batches'; workload: string; start: number; seconds: number }
  /** the score of POSITIVE for each text, each computed by itself */
  | { task: 'scores'; texts: string[] }

export type TimedReply = {
  /** texts or batches done: the first so many from `start` on */
  units: number
  elapsedMs: number
  latenciesMs?: number[]
}

export type ScoresReply = { scores: number[] }
export type Reply = TimedReply | ScoresReply | { error: string }

/** The part of a workload that a library's process needs. */
export type SubjectWorkloads = Record<string, { texts: string[]; batches: number[][] }>
