import type { Migration } from '../migrate.ts'

/** Comparisons of models: over a dataset (evals), and over calls that were kept for it (replays). */
export const evalsAndReplays: Migration = {
  id: 30,
  name: 'evals and replays',
  sql: `
    -- The dataset itself is not kept. A running one whose lease has ended is one whose process has died.
    create table evals (
      id text primary key,
      account_id text not null,
      name text not null,
      candidate_models jsonb not null,
      dataset_size integer not null,
      metric text not null check (metric in ('quality', 'cost', 'speed')),
      status text not null check (status in ('running', 'completed', 'failed')),
      winner_model text,
      summary jsonb,
      error text,
      lease_until timestamptz not null,
      created_at timestamptz not null default now()
    );
    create index evals_by_account on evals (account_id, created_at desc, id desc);

    -- Texts, kept where the caller asked for it, until they expire.
    create table stored_calls (
      id bigint generated always as identity primary key,
      account_id text not null,
      request_id text not null,
      model text not null,
      inputs jsonb not null,
      activation text,
      results jsonb not null,
      cost_micros bigint not null,
      latency_ms integer not null,
      created_at timestamptz not null default now(),
      expires_at timestamptz not null
    );
    create index stored_calls_by_request on stored_calls (account_id, request_id, id desc);
    create index stored_calls_by_expiry on stored_calls (expires_at);

    create table replays (
      id text primary key,
      account_id text not null,
      source_request_id text not null,
      source_model text not null,
      target_model text not null,
      shadow boolean not null,
      status text not null check (status in ('running', 'completed', 'failed')),
      cost_source_micros bigint not null,
      cost_target_micros bigint,
      latency_source_ms integer not null,
      latency_target_ms integer,
      similarity double precision,
      diff jsonb,
      source_output text not null,
      target_output text,
      error text,
      lease_until timestamptz not null,
      created_at timestamptz not null default now(),
      expires_at timestamptz not null
    );
    create index replays_by_account on replays (account_id, created_at desc, id desc);
    create index replays_by_expiry on replays (expires_at);
  `,
}
