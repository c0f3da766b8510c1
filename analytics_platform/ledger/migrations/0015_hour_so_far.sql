-- What the batches of an hour amount to, up to a place in the order of manifests: a run reads what came after it.
-- Derived, and kept for a day; without it all manifests of the hour are read.

create table hour_so_far (
    stream text not null,
    hour   timestamptz not null,
    place  bigint not null,                     -- of the last manifest that is in it
    body   jsonb not null,
    primary key (stream, hour)
);
