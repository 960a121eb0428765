import type { Migration } from '../migrate.ts'

/** What an eval needs to go on after the process that ran it has died. */
export const evalsGoOn: Migration = {
  id: 31,
  name: 'evals go on',
  sql: `
    -- The request holds the dataset; it goes, with the answers, when the eval is over. Text, since jsonb lacks some characters.
    alter table evals
      add column request text,
      add column lease_owner text,
      add column tries integer not null default 1;
    create index evals_running on evals (created_at) where status = 'running';

    create table eval_answers (
      eval_id text not null references evals(id) on delete cascade,
      text_index integer not null,
      candidate_index integer not null,
      label text,
      cost_micros bigint not null,
      latency_ms double precision not null,
      primary key (eval_id, text_index, candidate_index)
    );
  `,
}
