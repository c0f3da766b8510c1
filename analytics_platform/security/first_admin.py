"""The first admin: whoever owns an instance's folder has a token there, so that nobody else is needed to begin."""

from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_bytes

import psycopg

from analytics_platform.errors import TokenError
from analytics_platform.security import token_store
from analytics_platform.security.private_file import write_private
from analytics_platform.security.roles import Role
from analytics_platform.security.token import RANDOM_BYTES, Token, digest_of, id_in, token_text

LASTS = timedelta(days=366)
RENEWED = timedelta(days=30)  # before it ends, at the next start


def make_token_file(place: Path) -> str:
    """A new token in a file that only its owner can read, in the place of any other; returns it."""
    text = token_text(token_bytes(RANDOM_BYTES))
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(place, f"{text}\n".encode())
    return text


def make_admin(connection: psycopg.Connection, place: Path, name: str, now: datetime) -> bool:
    """See to it that the token in that file is a good one of an admin; whether one had to be issued.

    A file that `ap init` left is taken as it is. What was revoked, or ends soon, is replaced.
    """
    text = _text_in(place)
    known = token_store.find(connection, id_in(text)) if text else None
    if known and known.sha256 == digest_of(text) and known.is_good(now + RENEWED):
        return False
    if known or not text:
        text = make_token_file(place)
    token = Token(
        id=id_in(text),
        holder=name,
        sha256=digest_of(text),
        issued_by="ap up",
        issued_at=now,
        expires_at=now + LASTS,
        roles=frozenset({Role.ADMIN}),
    )
    token_store.issue(connection, token)
    return True


def _text_in(place: Path) -> str:
    """The token that lies there; "" for none, and for what is no token."""
    try:
        text = place.read_text(encoding="ascii").strip()
        id_in(text)
    except (OSError, UnicodeDecodeError, TokenError):
        return ""
    return text
