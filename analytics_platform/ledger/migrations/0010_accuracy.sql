-- How much of a product agrees with a reference that its contract names: the last word of each hour.

create table accuracy (
    product    text not null,
    check_name text not null,
    hour       timestamptz not null,
    reference  text not null,
    value      float8 not null,
    at         timestamptz not null,
    primary key (product, check_name, hour)
);
