"""Tokens for people who ask the service."""

from datetime import UTC, datetime, timedelta
from secrets import token_bytes

from analytics_platform.security import token_store
from analytics_platform.security.roles import Role
from analytics_platform.security.token import RANDOM_BYTES, Token, digest_of, id_in, token_text
from analytics_platform.service.registry import ServedRegistry

DAY = timedelta(days=1)
MAKER = frozenset({Role.ENGINEER})


def new_token(holder: str, lasts: timedelta = DAY, roles: frozenset[Role] = MAKER) -> tuple[str, Token]:
    """A token of that person, and what is kept of it."""
    text, now = token_text(token_bytes(RANDOM_BYTES)), datetime.now(UTC)
    return text, Token(
        id=id_in(text),
        holder=holder,
        sha256=digest_of(text),
        issued_by="a test",
        issued_at=now - DAY,
        expires_at=now + lasts,
        roles=roles,
    )


def issued(registry: ServedRegistry, holder: str, lasts: timedelta = DAY, roles: frozenset[Role] = MAKER) -> str:
    """A new token of that person, which the registry knows."""
    text, token = new_token(holder, lasts, roles)
    registry.change(lambda registrar: token_store.issue(registrar.connection, token))
    return text


def revoke(registry: ServedRegistry, text: str) -> None:
    """End it."""
    now = datetime.now(UTC)
    registry.change(lambda registrar: token_store.revoke(registrar.connection, id_in(text), "a test", now))


def bearing(text: str) -> dict[str, str]:
    """The header of whoever has it."""
    return {"Authorization": f"Bearer {text}"}
