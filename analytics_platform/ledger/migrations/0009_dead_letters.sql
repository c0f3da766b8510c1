-- How far dead letters were sent: manifests have a place in the order in which they were published.

alter table manifest add column place bigint generated always as identity;
create index manifest_place on manifest (stream, place);

create table dead_letter (
    stream text not null,
    topic  text not null,
    place  bigint not null,                     -- of the last manifest whose rows the topic has
    primary key (stream, topic)
);
