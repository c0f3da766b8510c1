"""Who asks: a person of the policy, by whom their token names, or by the address that git knows them by. Pure."""

import base64
import binascii
from collections.abc import Mapping

from analytics_platform.errors import UnknownPersonError
from analytics_platform.governance.policy import Person, Policy
from analytics_platform.security.roles import Role


def person_named(policy: Policy, name: str) -> Person:
    """The person whose token it was; raises UnknownPersonError where the policy names nobody of that name."""
    if name not in policy.people:
        raise UnknownPersonError(f"{name} is not in governance.yaml", "add them under `people:`")
    return policy.people[name]


def people_of_roles(policy: Policy) -> Mapping[Role, frozenset[str]]:
    """Who has which role, by name; without a role of which the policy says nothing."""
    named = policy.roles.keys() | policy.groups.keys()
    return {role: policy.members(role, "") for role in Role if role in named}


def roles_of_person(policy: Policy, name: str) -> frozenset[Role]:
    """The roles that the policy gives somebody; who has none is a viewer."""
    found = frozenset(role for role, people in people_of_roles(policy).items() if name in people)
    return found or frozenset({Role.VIEWER})


def person_at(policy: Policy, email: str) -> Person | None:
    """The person with that address; None if it is nobody's, or an address is not enough for whose it is."""
    for person in policy.people.values():
        if email and person.email == email and not person.needs_token:
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
