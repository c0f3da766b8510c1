-- What a token lets its holder do, and who asked for what.

alter table access_token add column roles text[] not null default '{viewer}';

create table access_fact (
    number      bigint generated always as identity primary key,
    at          timestamptz not null,
    who         text not null check (who <> ''),
    known_by    text not null check (known_by <> ''),  -- a token's id, an account of the machine
    via         text not null check (via <> ''),       -- a command, the service
    action      text not null,                         -- security/roles.py: Action
    target      text not null,
    problem     text not null default '',              -- why it was refused; empty: it was not
    details     jsonb not null default '{}',
    recorded_at timestamptz not null default now()
);
create index access_fact_who on access_fact (who, number);

create trigger access_fact_is_a_fact before update or delete on access_fact
    for each row execute function refuse_change();
create trigger access_fact_is_not_emptied before truncate on access_fact
    for each statement execute function refuse_change();
