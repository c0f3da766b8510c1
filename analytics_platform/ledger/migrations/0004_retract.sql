-- Orders that take a published batch out again.

alter table rework drop constraint rework_kind_check;
alter table rework add constraint rework_kind_check
    check (kind in ('backfill', 're-execute', 'rerun', 'release', 'discard', 'retract', 'rejudge'));
