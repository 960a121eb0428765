import type { Migration } from '../migrate.ts'

/** Files, batches, and what webhooks need. A job is a batch that was made of one request, so it has no table of its own. */
export const jobs: Migration = {
  id: 20,
  name: 'jobs',
  sql: `
  -- The queue makes its own tables in it; of two that make the schema at once one would fail.
  create schema if not exists pgboss;

  create table files (
    id text primary key,
    account_id text not null,
    content_id text not null,
    filename text not null,
    purpose text not null,
    bytes bigint not null,
    sha256 text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz
  );
  create index files_by_account on files (account_id, created_at desc, id desc);
  create index files_by_content on files (content_id);
  create index files_by_expiry on files (expires_at) where expires_at is not null;

  -- The bytes of files, where no disk is one that every replica reads.
  create table file_chunks (
    content_id text not null,
    position integer not null,
    bytes bytea not null,
    created_at timestamptz not null default now(),
    primary key (content_id, position)
  );

  -- read_line and read_byte say how much of the input has its results in batch_results; both change together.
  create table batches (
    id text primary key,
    kind text not null check (kind in ('batch', 'job')),
    account_id text not null,
    caller jsonb not null,
    tag text,
    endpoint text not null,
    completion_window text not null,
    metadata jsonb,
    webhook_url text,
    model text,
    input_file_id text not null,
    input_content_id text not null,
    output_file_id text,
    error_file_id text,
    status text not null check (status in
      ('validating', 'failed', 'in_progress', 'finalizing', 'completed', 'expired', 'cancelling', 'cancelled')),
    errors jsonb,
    total integer not null default 0,
    completed integer not null default 0,
    failed integer not null default 0,
    input_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    read_line integer not null default 0,
    read_byte bigint not null default 0,
    lease_owner text,
    lease_until timestamptz,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    in_progress_at timestamptz,
    finalizing_at timestamptz,
    completed_at timestamptz,
    failed_at timestamptz,
    expired_at timestamptz,
    cancelling_at timestamptz,
    cancelled_at timestamptz
  );
  create index batches_by_account on batches (account_id, kind, created_at desc, id desc);
  create index batches_unfinished on batches (created_at)
    where status in ('validating', 'in_progress', 'finalizing', 'cancelling');

  -- Results wait here, one a line, until the last is there; then they become files.
  create table batch_results (
    batch_id text not null references batches(id) on delete cascade,
    line integer not null,
    is_failure boolean not null,
    content text not null,
    primary key (batch_id, line)
  );

  create table webhook_secrets (
    account_id text primary key,
    secret text not null,
    previous_secret text,
    previous_until timestamptz
  );

  create table webhook_endpoints (
    id text primary key,
    account_id text not null,
    url text not null,
    events jsonb,
    created_at timestamptz not null default now(),
    disabled_at timestamptz
  );
  create index webhook_endpoints_by_account on webhook_endpoints (account_id, created_at desc, id desc);

  create table webhook_deliveries (
    id text primary key,
    account_id text not null,
    endpoint_id text references webhook_endpoints(id) on delete cascade,
    url text not null,
    event_id text not null,
    event_type text not null,
    body text not null,
    status text not null check (status in ('pending', 'delivered', 'failed')),
    tries integer not null default 0,
    last_try_at timestamptz,
    last_status integer,
    last_failure text,
    next_try_at timestamptz,
    created_at timestamptz not null default now()
  );
  create index webhook_deliveries_by_account on webhook_deliveries (account_id, created_at desc, id desc);
  create index webhook_deliveries_by_age on webhook_deliveries (created_at);
  create index webhook_deliveries_pending on webhook_deliveries (next_try_at) where status = 'pending';
  `,
}
