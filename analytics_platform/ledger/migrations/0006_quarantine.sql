-- What was decided about rows that silver does not hold: given up, or judged again. Which batches are held, quickly.

alter table rework drop constraint rework_kind_check;
alter table rework add constraint rework_kind_check check (
    kind in ('backfill', 're-execute', 'rerun', 'release', 'discard', 'retract', 'rejudge', 'redrive'));

create table dismissal (                        -- quarantined rows that nobody waits for any more
    stream text not null,
    number bigint not null,
    reason text not null,                       -- theirs, in that batch
    rows   bigint not null,
    by     text not null,
    why    text not null,
    at     timestamptz not null,
    primary key (stream, number, reason)
);

create index batch_held on batch (stream, number) where state = 'held';
