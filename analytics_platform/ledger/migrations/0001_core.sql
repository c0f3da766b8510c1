-- The core of the ledger: what was planned, who may write, what became of it, what readers may see.

create table pipeline (
    name       text primary key,
    epoch      bigint not null default 0,       -- raised by each writer that takes the lock
    run_id     text,
    hour       timestamptz,
    lease_open boolean not null default false,
    clean_end  boolean not null default true,   -- false while a writer works: a successor that finds it fences first
    cleaned_at timestamptz                      -- when its tables were last cleaned
);

create table frontier (                         -- the next offset that nobody has planned
    stream      text not null,
    topic_id    uuid not null,
    partition   integer not null,
    next_offset bigint not null,
    primary key (stream, topic_id, partition)
);

create table batch (
    stream           text not null,
    number           bigint not null,
    hour             timestamptz not null,
    state            text not null,
    reader_schema_id integer not null,
    planned_at       timestamptz not null,
    landed_rows      bigint,                    -- what bronze must hold from then on
    primary key (stream, number)
);
create index batch_open on batch (stream, number) where state in ('planned', 'landed', 'judged');
create index batch_hour on batch (hour, stream);

create table batch_range (
    stream       text not null,
    number       bigint not null,
    topic_id     uuid not null,
    partition    integer not null,
    start_offset bigint not null,
    end_offset   bigint not null check (end_offset > start_offset),
    primary key (stream, number, topic_id, partition),
    foreign key (stream, number) references batch
);

create table lost_range (                       -- offsets that retention took before they were planned: known gaps
    stream       text not null,
    topic_id     uuid not null,
    partition    integer not null,
    start_offset bigint not null,
    end_offset   bigint not null check (end_offset > start_offset),
    found_at     timestamptz not null,
    primary key (stream, topic_id, partition, start_offset)
);

create table batch_run (                        -- what Re-execute repeats
    run_id text not null,
    stream text not null,
    number bigint not null,
    primary key (run_id, stream, number)
);

create table manifest (
    stream       text not null,
    number       bigint not null,
    revision     integer not null,
    hour         timestamptz not null,
    published_at timestamptz not null,
    body         jsonb not null,
    primary key (stream, number, revision)
);
create index manifest_hour on manifest (hour, stream);

create table publication (                      -- one consistent cut of a pipeline's tables per row
    number       bigserial primary key,
    pipeline     text not null,
    epoch        bigint not null,
    published_at timestamptz not null,
    versions     jsonb not null
);
create index publication_newest on publication (pipeline, number desc);
create index publication_at on publication (pipeline, published_at desc);

create sequence dirty_mark;
create table dirty (                            -- grains that a model must recompute
    model  text not null,
    grain  bigint not null,
    due_at timestamptz,
    cause  text not null,
    mark   bigint not null default nextval('dirty_mark'),
    primary key (model, grain)
);

create table outbox (
    id           bigserial primary key,
    kind         text not null,
    key          text not null,
    body         jsonb not null,
    created_at   timestamptz not null,
    delivered_at timestamptz
);

create table ingestion_hold (                   -- while a row stands, nothing new is planned
    reason text primary key,
    since  timestamptz not null default now()
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% rows are facts: a later row refers to the earlier, none is changed', tg_table_name;
end $$;
create trigger manifest_is_a_fact before update or delete on manifest for each row execute function refuse_change();
