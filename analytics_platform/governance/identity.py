"""Who asks: a person of the policy, by their token, or by the address that git knows them by. Pure."""

import base64
import binascii
from hashlib import sha256
from hmac import compare_digest

from analytics_platform.errors import UnknownPersonError
from analytics_platform.governance.policy import Person, Policy


def person_of(policy: Policy, token: str, email: str) -> Person | None:
    """The person with that token, else the one with that address; None if it is nobody's.

    An address is enough only for people without a token. Raises UnknownPersonError for a token that is nobody's.
    """
    if token:
        digest = sha256(token.encode()).hexdigest()
        for person in policy.people.values():
            if person.token_sha256 and compare_digest(person.token_sha256, digest):
                return person
        raise UnknownPersonError(
            "the token is nobody's", "see `token_sha256` in governance.yaml, and AP_GOVERNANCE_TOKEN"
        )
    for person in policy.people.values():
        if email and person.email == email and not person.token_sha256:
            return person
    return None


def token_in(authorization: str) -> str:
    """The token of an HTTP header: `Bearer TOKEN`, or the password of `Basic …`; "" where there is none."""
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
