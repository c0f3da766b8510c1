-- What fails now, what alerts were made of it, and where each was delivered. Facts stay in manifests and the outbox.

create table failing (                          -- checks that nobody has settled; number 0: of a published table
    asset       text not null,
    check_name  text not null,
    stream      text not null,
    number      bigint not null,
    severity    text not null,
    column_name text,
    detail      text not null,
    holds       boolean not null,               -- the batch is kept back: it fails until somebody decides
    since       timestamptz not null,
    primary key (asset, check_name, stream, number)
);
create index failing_stream on failing (stream, number);

create table alert (                            -- one row for each key, firing while `ends_at` is null or ahead
    key         text primary key,
    labels      jsonb not null,
    annotations jsonb not null,
    starts_at   timestamptz not null,
    ends_at     timestamptz,
    revision    bigint not null default 1       -- raised by each change, so that a destination knows what it was told
);

create table alert_delivery (
    key          text not null references alert,
    destination  text not null,
    revision     bigint not null,
    delivered_at timestamptz not null,
    primary key (key, destination)
);

create index outbox_undelivered on outbox (id) where delivered_at is null;
