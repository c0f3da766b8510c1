-- Rows in schemas that nobody had published wait in exceptions: up to which change of the registry they were looked for.

create table redriven (
    pipeline text primary key references pipeline (name),
    change   bigint not null
);
