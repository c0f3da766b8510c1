"""Tokens in Postgres, which refuses to change what was issued and what was revoked. Touches Postgres."""

from datetime import datetime

import psycopg

from analytics_platform.security.asker import Asker
from analytics_platform.security.roles import Role
from analytics_platform.security.token import Token, holder_of, id_in

ISSUE = """
    insert into access_token (id, holder, sha256, issued_by, issued_at, expires_at, roles)
    values (%s, %s, %s, %s, %s, %s, %s)
"""
REVOKE = """
    insert into access_token_revoked (id, revoked_by, revoked_at)
    select id, %s, %s from access_token where id = %s on conflict (id) do nothing
"""
SELECT = """
    select id, holder, sha256, issued_by, issued_at, expires_at, roles, revoked_at, coalesce(revoked_by, '')
    from access_token left join access_token_revoked using (id)
"""


def issue(connection: psycopg.Connection, token: Token) -> None:
    """Keep a new token's digest; from now on the token is good."""
    times = (token.issued_at, token.expires_at)
    values = [token.id, token.holder, token.sha256, token.issued_by, *times, sorted(token.roles)]
    connection.execute(ISSUE, values)


def revoke(connection: psycopg.Connection, id_: str, by: str, at: datetime) -> bool:
    """End a token at once; False if there is none of that id, or somebody did it before."""
    return connection.execute(REVOKE, [by, at, id_]).rowcount == 1


def find(connection: psycopg.Connection, id_: str) -> Token | None:
    """What is kept under an id."""
    row = connection.execute(SELECT + " where id = %s", [id_]).fetchone()
    return _token(row) if row else None


def bearer_of(connection: psycopg.Connection, text: str, now: datetime) -> Asker:
    """Whoever has that token; raises TokenError."""
    known = find(connection, id_in(text))
    name = holder_of(text, known, now)
    assert known is not None, "holder_of has refused it otherwise"
    return Asker(name=name, known_by=f"token {known.id}", roles=known.roles)


def has_admin(connection: psycopg.Connection) -> bool:
    """Whether anybody was ever made an admin."""
    row = connection.execute("select exists (select 1 from access_token where 'admin' = any(roles))").fetchone()
    return bool(row and row[0])


def every(connection: psycopg.Connection) -> list[Token]:
    """All that were ever issued, oldest first."""
    return [_token(row) for row in connection.execute(SELECT + " order by issued_at, id").fetchall()]


def _token(row: tuple) -> Token:
    id_, holder, digest, issued_by, issued_at, expires_at, roles, revoked_at, revoked_by = row
    return Token(
        id=id_,
        holder=holder,
        sha256=digest,
        issued_by=issued_by,
        issued_at=issued_at,
        expires_at=expires_at,
        roles=frozenset(map(Role, roles)),
        revoked_at=revoked_at,
        revoked_by=revoked_by,
    )
