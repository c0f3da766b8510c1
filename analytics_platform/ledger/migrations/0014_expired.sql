-- Up to which event time retention may have taken rows of a stream: windows that begin before are computed no more.

create table expired (
    stream text primary key,
    until  timestamptz not null
);
