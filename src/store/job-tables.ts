import type { ColumnType, Generated } from 'kysely'

/** Files, batches and webhooks, as migration 0020 makes them. */
export type JobTables = {
  files: FileTable
  file_chunks: { content_id: string; position: number; bytes: Uint8Array; created_at: CreatedAt }
  batches: BatchTable
  batch_results: { batch_id: string; line: number; is_failure: boolean; content: string }
  webhook_secrets: WebhookSecretTable
  webhook_endpoints: WebhookEndpointTable
  webhook_deliveries: WebhookDeliveryTable
}

type CreatedAt = ColumnType<Date, Date | undefined, Date>

/** JSON goes in as text and comes out as what it says. */
type JsonColumn<T> = ColumnType<T, string | null, string | null>

type FileTable = {
  id: string
  account_id: string
  content_id: string
  filename: string
  purpose: string
  bytes: number
  sha256: string
  created_at: CreatedAt
  expires_at: Date | null
}

/**
 * The states of a batch:
 *
 *     validating ──► in_progress ──► finalizing ──► completed
 *        │  │            │  │            ▲ │
 *        │  ▼            │  └─ too late ─┘ └──────► expired
 *        │ failed        ▼                 │
 *        └──────────► cancelling ──────────┴──────► cancelled
 *
 * What is `finalizing` or `cancelling` gets no more lines run; its results become files.
 */
export type BatchStatus =
  | 'validating'
  | 'failed'
  | 'in_progress'
  | 'finalizing'
  | 'completed'
  | 'expired'
  | 'cancelling'
  | 'cancelled'

/** What is not over; of every other status nothing changes any more. */
export const UNFINISHED: BatchStatus[] = ['validating', 'in_progress', 'finalizing', 'cancelling']

export type BatchKind = 'batch' | 'job'

/** What is wrong with a batch's input, in OpenAI's words. */
export type BatchError = { code: string; message: string; param: string | null; line: number | null }

type BatchTable = {
  id: string
  kind: BatchKind
  account_id: string
  caller: JsonColumn<unknown>
  tag: string | null
  endpoint: string
  completion_window: string
  metadata: JsonColumn<Record<string, string> | null>
  webhook_url: string | null
  model: string | null
  input_file_id: string
  input_content_id: string
  output_file_id: string | null
  error_file_id: string | null
  status: BatchStatus
  errors: JsonColumn<BatchError[] | null>
  total: Generated<number>
  completed: Generated<number>
  failed: Generated<number>
  input_tokens: Generated<number>
  output_tokens: Generated<number>
  read_line: Generated<number>
  read_byte: Generated<number>
  lease_owner: string | null
  lease_until: Date | null
  created_at: CreatedAt
  expires_at: Date
  in_progress_at: Date | null
  finalizing_at: Date | null
  completed_at: Date | null
  failed_at: Date | null
  expired_at: Date | null
  cancelling_at: Date | null
  cancelled_at: Date | null
}

type WebhookSecretTable = {
  account_id: string
  secret: string
  previous_secret: string | null
  previous_until: Date | null
}

type WebhookEndpointTable = {
  id: string
  account_id: string
  url: string
  events: JsonColumn<string[] | null>
  created_at: CreatedAt
  disabled_at: Date | null
}

/** `pending` is tried again at next_try_at; `failed` was given up, after the last try or for good reason. */
export type DeliveryStatus = 'pending' | 'delivered' | 'failed'

type WebhookDeliveryTable = {
  id: string
  account_id: string
  endpoint_id: string | null
  url: string
  event_id: string
  event_type: string
  body: string
  status: DeliveryStatus
  tries: Generated<number>
  last_try_at: Date | null
  last_status: number | null
  last_failure: string | null
  next_try_at: Date | null
  created_at: CreatedAt
}
