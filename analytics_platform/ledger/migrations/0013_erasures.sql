-- Who was erased, by the name under which their key was kept: whoever restores keys from a copy has them erased again.

create table erasure (
    number      bigint generated always as identity primary key,
    subject     text not null check (subject <> ''),
    kind        text not null,               -- the tag of the field that names them
    erased_by   text not null,
    reason      text not null,
    recorded_at timestamptz not null default now()
);

create trigger erasure_is_a_fact before update or delete on erasure
    for each row execute function refuse_change();
create trigger erasure_is_kept before truncate on erasure execute function refuse_change();
