-- Schemas: which text has which id, for ever; which versions a subject has, and how far each is.

create table schema_text (                      -- a text and its id: a fact, whatever becomes of its subjects
    id          integer primary key check (id > 0),
    guid        uuid not null unique,
    sha256      text not null unique,           -- over the canonical text and its references
    format      text not null,
    body        text not null,
    refs        jsonb not null default '[]',    -- [{name, subject, version}]
    allotted_at timestamptz not null default now()
);
create table schema_version (                   -- that a subject's version is that text: a fact
    subject     text not null,
    version     integer not null check (version > 0),
    id          integer not null references schema_text,
    allotted_at timestamptz not null default now(),
    primary key (subject, version)
);
create table schema_state (                     -- how far a version is; none before git has it: nobody may see it yet
    subject     text not null,
    version     integer not null,
    state       text not null,
    changed_at  timestamptz not null default now(),
    primary key (subject, version),
    foreign key (subject, version) references schema_version
);
create table schema_setting (                   -- of a subject, or of all that say nothing else (subject '')
    subject       text primary key,
    compatibility text,
    mode          text
);
create table schema_change (number bigint not null);  -- one row; raised by whatever readers would notice
insert into schema_change values (0);

create trigger schema_text_is_a_fact before update or delete on schema_text
    for each row execute function refuse_change();
create trigger schema_version_is_a_fact before update or delete on schema_version
    for each row execute function refuse_change();
