import type { ColumnType, Generated, GeneratedAlways } from 'kysely'

/** Evals, kept calls and replays, as the migrations from 0030 on make them. */
export type ComparisonTables = {
  evals: EvalTable
  eval_answers: EvalAnswerTable
  stored_calls: StoredCallTable
  replays: ReplayTable
}

/** running → completed | failed. A running eval whose lease has ended is for anybody to go on with; such a replay has failed. */
export type ComparisonStatus = 'running' | 'completed' | 'failed'

/** JSON goes in as text and comes out as what it says. */
type JsonColumn<T> = ColumnType<T, string, string>

type EvalTable = {
  id: string
  account_id: string
  name: string
  candidate_models: JsonColumn<string[]>
  dataset_size: number
  metric: 'quality' | 'cost' | 'speed'
  status: ComparisonStatus
  winner_model: string | null
  summary: JsonColumn<unknown> | null
  error: string | null
  /** while it runs: what was asked for, as JSON */
  request: string | null
  lease_owner: string | null
  lease_until: Date
  /** processes that have begun it, or gone on with it */
  tries: Generated<number>
  created_at: Generated<Date>
}

/** What a candidate said of a text; gone when the eval is over. */
type EvalAnswerTable = {
  eval_id: string
  text_index: number
  candidate_index: number
  /** null where the call failed */
  label: string | null
  cost_micros: number
  latency_ms: number
}

type StoredCallTable = {
  id: GeneratedAlways<number>
  account_id: string
  request_id: string
  model: string
  inputs: JsonColumn<StoredText[]>
  activation: string | null
  results: JsonColumn<StoredScores[]>
  cost_micros: number
  latency_ms: number
  created_at: Generated<Date>
  expires_at: Date
}

export type StoredText = { text: string; pair?: string | undefined }

/** A text's labels with their scores. */
export type StoredScores = { label: string; score: number }[]

type ReplayTable = {
  id: string
  account_id: string
  source_request_id: string
  source_model: string
  target_model: string
  shadow: boolean
  status: ComparisonStatus
  cost_source_micros: number
  cost_target_micros: number | null
  latency_source_ms: number
  latency_target_ms: number | null
  similarity: number | null
  diff: JsonColumn<unknown> | null
  source_output: string
  target_output: string | null
  error: string | null
  lease_until: Date
  created_at: Generated<Date>
  expires_at: Date
}
