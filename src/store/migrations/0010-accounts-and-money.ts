import type { Migration } from '../migrate.ts'

/**
 * Accounts, keys, wallets, the ledger, spending, rates, usage and events.
 *
 * Money is micro-dollars in bigint. Whatever belongs to an account's money (spending, reservations, the ledger) is
 * written only while the row of the account's wallet is locked, which makes that row the account's mutex.
 */
export const accountsAndMoney: Migration = {
  id: 10,
  name: 'accounts and money',
  sql: `
    -- An account has no parent; a sub-account has one, whose wallet pays for it.
    create table accounts (
      id text primary key,
      parent_id text references accounts(id),
      name text not null,
      external_ref text,
      monthly_cap_micros bigint,
      requests_per_minute integer,
      default_tag text,
      allowed_models jsonb,
      created_at timestamptz not null default now(),
      deleted_at timestamptz
    );
    create index accounts_by_parent on accounts (parent_id) where parent_id is not null;

    create table api_keys (
      id text primary key,
      account_id text not null references accounts(id),
      name text,
      is_admin boolean not null default false,
      allowed_models jsonb,
      monthly_cap_micros bigint,
      requests_per_minute integer,
      expires_at timestamptz,
      created_at timestamptz not null default now(),
      revoked_at timestamptz
    );
    create index api_keys_by_account on api_keys (account_id, created_at);

    -- A rotation makes a second secret of the same key: next → current with its first use, current → dead at that moment.
    -- Dead ones are kept, so that an open server, which takes any key that it does not know, still refuses them.
    create table api_key_secrets (
      hash text primary key,
      key_id text not null references api_keys(id),
      hint text not null,
      state text not null check (state in ('current', 'next', 'dead'))
    );
    create index api_key_secrets_by_key on api_key_secrets (key_id);

    create table server_secrets (
      name text primary key,
      value text not null
    );

    -- "postpaid" is an account that may spend what it does not have: the operator's own.
    create table wallets (
      account_id text primary key references accounts(id),
      is_postpaid boolean not null default false,
      balance_micros bigint not null default 0,
      held_micros bigint not null default 0 check (held_micros >= 0),
      filled_to_micros bigint not null default 0,
      told_percent smallint not null default 0,
      check (is_postpaid or balance_micros >= held_micros)
    );

    -- What a key, an account or a tag of an account has spent in a month, and what is held for calls under way.
    create table spending (
      wallet_id text not null references wallets(account_id),
      kind text not null check (kind in ('key', 'account', 'tag')),
      subject text not null,
      month text not null,
      spent_micros bigint not null default 0,
      held_micros bigint not null default 0 check (held_micros >= 0),
      told_cap_micros bigint,
      told_percent smallint not null default 0,
      told_exhausted boolean not null default false,
      primary key (wallet_id, kind, subject, month)
    );

    create table tag_budgets (
      id text primary key,
      account_id text not null references accounts(id),
      tag text not null,
      monthly_cap_micros bigint not null,
      created_at timestamptz not null default now(),
      unique (account_id, tag)
    );

    create table reservations (
      id text primary key,
      wallet_id text not null references wallets(account_id),
      key_id text,
      account_id text not null,
      tag text,
      month text not null,
      amount_micros bigint not null check (amount_micros >= 0),
      expires_at timestamptz not null
    );
    create index reservations_by_expiry on reservations (expires_at);

    create table ledger_transactions (
      id text primary key,
      kind text not null check (kind in ('top_up', 'charge')),
      account_id text not null references accounts(id),
      idempotency_key text,
      created_at timestamptz not null default now(),
      unique (account_id, idempotency_key)
    );
    create table ledger_entries (
      transaction_id text not null references ledger_transactions(id),
      ledger_account text not null,
      amount_micros bigint not null,
      primary key (transaction_id, ledger_account)
    );
    create index ledger_entries_by_account on ledger_entries (ledger_account);

    create table rate_windows (
      subject text primary key,
      rate_window jsonb not null,
      updated_at timestamptz not null default now()
    );

    create table usage_calls (
      id text primary key,
      request_id text not null,
      account_id text not null,
      key_id text,
      route text not null,
      model text not null,
      served_by text not null,
      tag text,
      status text not null,
      texts integer not null,
      tokens integer not null,
      cost_micros bigint not null,
      latency_ms real not null,
      created_at timestamptz not null
    );
    create index usage_calls_by_account on usage_calls (account_id, created_at desc);

    -- The sums of usage_calls, kept with them, so that a month of millions of calls is read in a few rows.
    create table usage_days (
      account_id text not null,
      day date not null,
      model text not null,
      tag text not null,
      requests bigint not null,
      tokens bigint not null,
      cost_micros bigint not null,
      primary key (account_id, day, model, tag)
    );

    -- What is to be told to an account's webhooks; whoever delivers takes the rows with no dispatched_at.
    create table events (
      id text primary key,
      account_id text not null references accounts(id),
      type text not null,
      data jsonb not null,
      created_at timestamptz not null default now(),
      dispatched_at timestamptz
    );
    create index events_to_dispatch on events (created_at) where dispatched_at is null;

    insert into accounts (id, name) values ('acct_local', 'local');
    insert into wallets (account_id, is_postpaid) values ('acct_local', true);
  `,
}
