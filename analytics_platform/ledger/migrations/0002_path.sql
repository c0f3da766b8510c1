-- What corrects: contracts that batches are pinned to, timers of models, watermarks, rework and pauses.

create table contract (                         -- what rows were judged by, by digest; a fact
    digest        text primary key,
    stream        text not null,
    body          jsonb not null,
    first_seen_at timestamptz not null default now()
);

alter table batch add column contract_digest text not null default '';
alter table batch alter column contract_digest drop default;
alter table frontier add column moved_at timestamptz not null default now();  -- when its partition last had news

alter table dirty alter column grain type text using grain::text;
alter table dirty drop column due_at;           -- what is due later is a timer
create table timer (                            -- grains that become dirty when the watermark passes `due_at`
    model  text not null,
    grain  text not null,
    due_at timestamptz not null,
    cause  text not null,
    primary key (model, due_at, grain)
);

create table watermark (                        -- how far a stream's time has come; it never goes back
    stream text primary key,
    at     timestamptz not null
);
alter table publication add column watermarks jsonb not null default '{}';  -- those that the models were computed at

create table rework (                           -- an order to judge batches again: they are frozen with it
    id           text primary key,
    pipeline     text not null,
    kind         text not null check (kind in ('backfill', 're-execute', 'rerun', 'release', 'discard')),
    state        text not null default 'open' check (state in ('open', 'done', 'cancelled', 'failed')),
    requested_by text not null,
    reason       text not null,
    assets       text[] not null,
    requested_at timestamptz not null,
    ended_at     timestamptz,
    error        text,
    under_way    boolean not null default false,  -- a chunk of it was begun: what it left in the tables is undone first
    begun        integer not null default 0,      -- how often the chunk at hand was begun, and how often it failed
    failures     integer not null default 0
);
create index rework_open on rework (pipeline, requested_at) where state = 'open';

create table rework_batch (
    id      text not null references rework,
    stream  text not null,
    number  bigint not null,
    done_at timestamptz,
    changed boolean,
    note    jsonb,                              -- what changed: outcomes before and after, rows added and removed
    primary key (id, stream, number)
);
create index rework_batch_left on rework_batch (id, stream, number) where done_at is null;

create table pause (                            -- while a row stands and is not over, nothing new of it is planned
    stream text primary key,
    reason text not null,
    by     text not null,
    since  timestamptz not null default now(),
    until  timestamptz not null
);

create table standstill (                       -- where a partition waits for a transaction
    stream     text not null,
    topic_id   uuid not null,
    partition  integer not null,
    stable_end bigint not null,
    since      timestamptz not null,
    alarmed    boolean not null default false,
    primary key (stream, topic_id, partition)
);

create trigger contract_is_a_fact before update or delete on contract for each row execute function refuse_change();
