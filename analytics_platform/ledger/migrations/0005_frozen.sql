-- Models that keep their last version because a column that they read is broken in a published batch.

alter table failing add column freezes boolean not null default false;
create index failing_freezes on failing (stream) where freezes;

create table frozen (                           -- what the last cycle kept back; a row that thawed is told of once more
    model        text not null,
    asset        text not null,                 -- the table whose column is broken
    column_name  text not null,                 -- '': its rows as a whole
    pipeline     text not null,
    since        timestamptz not null,
    thawed_at    timestamptz,
    thawed_epoch bigint,
    primary key (model, asset, column_name)
);
create index frozen_now on frozen (model) where thawed_at is null;
