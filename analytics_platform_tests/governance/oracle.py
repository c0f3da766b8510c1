"""An independent reading of the policies: it shares no code with the platform. Pure.

It knows only what people really did. Whatever the gate lets through, this must allow.
"""

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any, NamedTuple

from analytics_platform_tests.governance.policies import GROUPS, Content


class Vote(NamedTuple):
    """What the oracle knows of a vote."""

    change: tuple[Content | None, Content, frozenset[str]]
    seat: str
    by: str
    at: datetime


class Glass(NamedTuple):
    """What the oracle knows of a permission."""

    change: tuple[Content | None, Content, frozenset[str]]
    by: str
    at: datetime
    until: datetime


def classes_of(before: Content | None, after: Content) -> frozenset[str]:
    """In which classes a change is, from what differs."""
    found = set()
    if before and before.type != after.type:
        found.add("breaking")
    if (before.extra if before else "") != after.extra and "personal" in (before.extra if before else "", after.extra):
        found.add("personal-data")
    if before and before._replace(doc=after.doc) == after:
        found.add("documentation")
    return frozenset(found or {"compatible"})


def allows(
    policy: dict[str, Any] | None,
    change: tuple[Content | None, Content, frozenset[str]],
    now: datetime,
    votes: list[Vote],
    glasses: list[Glass],
    authors: set[str],
) -> bool:
    """The oracle's own reading of a policy."""
    if policy is None:
        return "breaking" not in change[2]
    seats: list[str] = []
    for kind in change[2]:
        said = _said_of(policy, kind, now)
        if said == "refused":
            return False
        for need in [] if said == "automatic" else said:
            role, quorum = (need, 1) if isinstance(need, str) else (need["role"], need["quorum"])
            seats += [role] * max(0, quorum - seats.count(role))
    if any(_open(policy, glass, change, now) for glass in glasses):
        return True
    counting = [vote for vote in votes if _counts(policy, vote, change, now, authors)]
    others = bool(seats) and not authors and not policy.get("author_may_approve")
    if others and len({vote.by for vote in counting if any(vote.seat in _members(role) for role in seats)}) < 2:
        return False
    return any(
        all(vote.seat in _members(role) for vote, role in zip(chosen, seats, strict=True))
        for chosen in permutations(counting, len(seats))
        if len({vote.seat for vote in chosen}) == len({vote.by for vote in chosen}) == len(chosen)
    )


def _said_of(policy: dict[str, Any], kind: str, now: datetime) -> Any:
    for each in policy.get("exceptions", []):
        if now < each["until"] and kind in each["changes"]:
            return each["approve"]
    for each in policy["rules"]:
        if kind in each["changes"] and each["subjects"] in ("*", "r-*"):
            return each["approve"]
    return "refused"


def _members(role: str) -> list[str]:
    return GROUPS["team:r" if role == "owner" else role]


def _open(policy: dict[str, Any], glass: Glass, change: Any, now: datetime) -> bool:
    rule = policy.get("break_glass")
    if rule is None or glass.change != change or not any(glass.by in _members(role) for role in rule["roles"]):
        return False
    return glass.at <= now < min(glass.until, glass.at + timedelta(hours=rule["hours"]))


def _counts(policy: dict[str, Any], vote: Vote, change: Any, now: datetime, authors: set[str]) -> bool:
    lent = [
        each
        for each in policy.get("delegations", [])
        if (each["from"], each["to"]) == (vote.seat, vote.by) and each["since"] <= vote.at < each["until"]
    ]
    lasts = timedelta(days=policy.get("approvals_last_days", 30))
    is_own = not policy.get("author_may_approve") and bool({vote.by, vote.seat} & authors)
    is_valid = vote.change == change and vote.at <= now < vote.at + lasts
    return is_valid and not is_own and (vote.seat == vote.by or bool(lent))


def asks_somebody(policy: dict[str, Any], classes: frozenset[str], now: datetime) -> bool:
    """Whether the policy asks anybody for a change of these classes."""
    return any(_said_of(policy, kind, now) not in ("automatic", "refused") for kind in classes)
