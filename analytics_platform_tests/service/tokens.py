"""Tokens for people who ask the service."""

from datetime import UTC, datetime, timedelta
from secrets import token_bytes

from analytics_platform.security import token_store
from analytics_platform.security.token import RANDOM_BYTES, Token, digest_of, id_in, token_text
from analytics_platform_tests.service.served import Served

DAY = timedelta(days=1)


def issued(served: Served, holder: str, lasts: timedelta = DAY) -> str:
    """A new token of that person."""
    text, now = token_text(token_bytes(RANDOM_BYTES)), datetime.now(UTC)
    token = Token(
        id=id_in(text),
        holder=holder,
        sha256=digest_of(text),
        issued_by="a test",
        issued_at=now - DAY,
        expires_at=now + lasts,
    )
    served.registry.change(lambda registrar: token_store.issue(registrar.connection, token))
    return text


def revoke(served: Served, text: str) -> None:
    """End it."""
    now = datetime.now(UTC)
    served.registry.change(lambda registrar: token_store.revoke(registrar.connection, id_in(text), "a test", now))


def bearing(text: str) -> dict[str, str]:
    """The header of whoever has it."""
    return {"Authorization": f"Bearer {text}"}
