-- Governance: every step of a change of a schema, as it was taken.

create table governance_fact (
    number      bigint generated always as identity primary key,
    subject     text not null,
    version     integer not null,
    step        text not null,                  -- governance/record.py: Step
    digest      text not null,                  -- of the exact change
    who         text not null,                  -- a person of governance.yaml, or how the caller was known
    seat        text not null default '',       -- on whose seat a vote was cast
    at          timestamptz not null,
    details     jsonb not null default '{}',
    recorded_at timestamptz not null default now()
);
create index governance_fact_subject on governance_fact (subject, number);

create trigger governance_fact_is_a_fact before update or delete on governance_fact
    for each row execute function refuse_change();
