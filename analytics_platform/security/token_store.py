"""Tokens in Postgres, which refuses to change what was issued and what was revoked. Touches Postgres."""

from datetime import datetime

import psycopg

from analytics_platform.security.token import Token

ISSUE = """
    insert into access_token (id, holder, sha256, issued_by, issued_at, expires_at) values (%s, %s, %s, %s, %s, %s)
"""
REVOKE = """
    insert into access_token_revoked (id, revoked_by, revoked_at)
    select id, %s, %s from access_token where id = %s on conflict (id) do nothing
"""
SELECT = """
    select id, holder, sha256, issued_by, issued_at, expires_at, revoked_at, coalesce(revoked_by, '')
    from access_token left join access_token_revoked using (id)
"""


def issue(connection: psycopg.Connection, token: Token) -> None:
    """Keep a new token's digest; from now on the token is good."""
    values = [token.id, token.holder, token.sha256, token.issued_by, token.issued_at, token.expires_at]
    connection.execute(ISSUE, values)


def revoke(connection: psycopg.Connection, id_: str, by: str, at: datetime) -> bool:
    """End a token at once; False if there is none of that id, or somebody did it before."""
    return connection.execute(REVOKE, [by, at, id_]).rowcount == 1


def find(connection: psycopg.Connection, id_: str) -> Token | None:
    """What is kept under an id."""
    row = connection.execute(SELECT + " where id = %s", [id_]).fetchone()
    return _token(row) if row else None


def every(connection: psycopg.Connection) -> list[Token]:
    """All that were ever issued, oldest first."""
    return [_token(row) for row in connection.execute(SELECT + " order by issued_at, id").fetchall()]


def _token(row: tuple) -> Token:
    id_, holder, digest, issued_by, issued_at, expires_at, revoked_at, revoked_by = row
    return Token(
        id=id_,
        holder=holder,
        sha256=digest,
        issued_by=issued_by,
        issued_at=issued_at,
        expires_at=expires_at,
        revoked_at=revoked_at,
        revoked_by=revoked_by,
    )
