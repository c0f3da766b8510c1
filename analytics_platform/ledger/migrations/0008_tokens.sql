-- Tokens by which people are known to `ap` and the service: only their digests, never the tokens.

create table access_token (
    id         text primary key,              -- names it; no part of the secret
    holder     text not null,
    sha256     text not null unique,          -- of the whole token, in hex
    issued_by  text not null,
    issued_at  timestamptz not null,
    expires_at timestamptz not null
);

create table access_token_revoked (
    id         text primary key references access_token (id),
    revoked_by text not null,
    revoked_at timestamptz not null
);

create trigger access_token_is_a_fact before update or delete on access_token
    for each row execute function refuse_change();
create trigger access_token_revoked_is_a_fact before update or delete on access_token_revoked
    for each row execute function refuse_change();
