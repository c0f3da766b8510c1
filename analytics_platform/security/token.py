"""Tokens that say who asks: made, hashed and judged. Pure: randomness and the time are arguments.

A token is `ap_<id>_<secret>`. The id names it wherever people speak of it; the whole is known to its holder alone, for
only its sha256 is kept. The secret has 256 random bits, so that no slow hash is needed against guessing.
"""

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest

from analytics_platform.errors import TokenError
from analytics_platform.security.roles import Role

ID_BYTES, SECRET_BYTES = 6, 32
RANDOM_BYTES = ID_BYTES + SECRET_BYTES
FORM = re.compile(r"ap_(?P<id>[0-9a-f]{12})_[A-Za-z0-9_-]{43}")
ANOTHER = "use one that `ap token issue` has made"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is kept of a token: whose it is, what they may do with it, who made it, when it ends, and who ended it."""

    id: str
    holder: str
    sha256: str = field(repr=False)
    issued_by: str
    issued_at: datetime
    expires_at: datetime
    roles: frozenset[Role] = frozenset()
    revoked_at: datetime | None = None
    revoked_by: str = ""

    def is_good(self, now: datetime) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and now < self.expires_at


def token_text(random: bytes) -> str:
    """A token made of RANDOM_BYTES random bytes."""
    secret = urlsafe_b64encode(random[ID_BYTES:RANDOM_BYTES]).decode().rstrip("=")
    return f"ap_{random[:ID_BYTES].hex()}_{secret}"


def id_in(text: str) -> str:
    """The id of a token; raises TokenError for what is none."""
    found = FORM.fullmatch(text)
    if found is None:
        raise TokenError("what was given is no token", ANOTHER)
    return found["id"]


def digest_of(text: str) -> str:
    """What is kept of it."""
    return sha256(text.encode()).hexdigest()


def holder_of(text: str, known: Token | None, now: datetime) -> str:
    """Whose the token is, given what is kept under its id; raises TokenError, which never holds the token.

    Who does not have the whole token is not told whether there is one of that id.
    """
    if known is None or not compare_digest(known.sha256, digest_of(text)):
        raise TokenError("the token is nobody's", ANOTHER)
    name = f"token {known.id} of {known.holder}"
    if known.revoked_at is not None:
        raise TokenError(f"{name} was revoked at {known.revoked_at:%Y-%m-%d %H:%M} UTC", ANOTHER)
    if not known.is_good(now):
        raise TokenError(f"{name} has expired at {known.expires_at:%Y-%m-%d %H:%M} UTC", ANOTHER)
    return known.holder
