"""`governance.yaml`, read into a policy. Pure: text in, policy out.

    people:
      ana: {email: ana@example.com}
    groups:
      board: [ana, ben, cem]
    rules:
      - {subjects: "*", changes: [documentation, compatible], approve: automatic}
      - {subjects: "*", changes: [personal-data], approve: [owner, steward]}
      - {subjects: "*", changes: [breaking], approve: [{role: board, quorum: 2}]}

The example leaves out what a policy must have: a rule for every class, with `*`, so that nothing is left to chance.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any

from analytics_platform.errors import DeclarationError
from analytics_platform.governance.change import ChangeClass
from analytics_platform.governance.policy import (
    EVERY_CLASS,
    LIGHT,
    OWNER,
    BreakGlass,
    Delegation,
    Escalation,
    Exemption,
    Need,
    Person,
    Policy,
    Rule,
    Verdict,
)
from analytics_platform.product import Compatibility
from analytics_platform.yaml_text import read_yaml

POLICY_FILE = "governance.yaml"
NAME = re.compile(r"[a-z][a-z0-9._-]{0,63}")
BY_TOKEN, BY_COMMITS = "token", "commits"
MOST_DAYS = 3650
KEYS = {
    *("people", "groups", "roles", "rules", "exceptions", "delegations", "break_glass", "escalation", "review_by"),
    *("author_may_approve", "approvals_last_days", "at_least", "sunset_days"),
}


def parse_policy(text: str | None, where: str = POLICY_FILE) -> Policy:
    """The policy; without a file the light one. Raises DeclarationError, which names the entry and the remedy."""
    return LIGHT if text is None else _parsed(text, where)


@lru_cache(maxsize=16)
def _parsed(text: str, where: str) -> Policy:
    content = _mapping(read_yaml(text, where).value, where, "a mapping with `rules:`")
    for key in content:
        if key not in KEYS:
            raise DeclarationError(where, f"{key!r} means nothing here", f"use {', '.join(sorted(KEYS))}")
    people = {name: _person(name, about, where) for name, about in _part(content, "people", where).items()}
    policy = Policy(
        people=people,
        groups=_groups(content, people, where),
        roles={
            str(role): tuple(_names(said, f"{where}, role {role}"))
            for role, said in _part(content, "roles", where).items()
        },
        rules=tuple(_rule(each, f"{where}, rule {n}") for n, each in enumerate(_list(content, "rules", where), 1)),
        exemptions=tuple(
            _exemption(each, f"{where}, exception {n}") for n, each in enumerate(_list(content, "exceptions", where), 1)
        ),
        delegations=tuple(
            _delegation(each, people, f"{where}, delegation {n}")
            for n, each in enumerate(_list(content, "delegations", where), 1)
        ),
        break_glass=_break_glass(content, where),
        escalation=_escalation(content, where),
        author_may_approve=_truth(content.get("author_may_approve", False), f"{where}, author_may_approve"),
        approvals_last=_days(content.get("approvals_last_days", 30), f"{where}, approvals_last_days"),
        at_least=_level(content.get("at_least", Compatibility.NONE), f"{where}, at_least"),
        sunset=_days(content.get("sunset_days", 30), f"{where}, sunset_days"),
        review_by=_day(content.get("review_by"), f"{where}, review_by"),
        digest=sha256(text.encode()).hexdigest(),
    )
    _require_whole(policy, where)
    return policy


def _require_whole(policy: Policy, where: str) -> None:
    """Every class is decided on for every subject, by roles that somebody has, and what cannot be is not promised."""
    covered = {change for rule in policy.rules if rule.subjects == "*" for change in rule.changes}
    for change in sorted(EVERY_CLASS - covered):
        raise DeclarationError(where, f"no rule for `*` covers {change}", "add one; the first rule that fits decides")
    for rule in (*policy.rules, *(each.rule for each in policy.exemptions)):
        if ChangeClass.LAKE_BREAKING in rule.changes and rule.verdict is not Verdict.REFUSED:
            problem = "lake-breaking is not refused, and no approval makes a table or a model follow"
            raise DeclarationError(where, problem, "write `approve: refused` for it, in a rule of its own")
        for need in rule.needs:
            _require_role(policy, need, where)
    roles = policy.break_glass.roles if policy.break_glass else ()
    for role in (*roles, *([policy.escalation.to] if policy.escalation else [])):
        _require_role(policy, Need(role=role), where)


def _require_role(policy: Policy, need: Need, where: str) -> None:
    if need.role == OWNER:
        return  # who that is differs from subject to subject
    found = policy.members(need.role, "")
    if len(found) < need.quorum:
        problem = f"{need.quorum} of {need.role} are asked for, and {len(found)} are named"
        raise DeclarationError(
            where, problem, f"name them under `people:`, and under `groups:` or `roles:` {need.role}"
        )


def _person(name: Any, about: Any, where: str) -> Person:
    place = f"{where}, person {name}"
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise DeclarationError(place, "is no name", "use lower case letters, digits, and . _ - inside")
    said = _mapping(about or {}, place, "{email: …, known_by: token}")
    for key in said.keys() - {"email", "known_by"}:  # one that is overlooked might have been meant to be strict
        raise DeclarationError(place, f"{key!r} means nothing here", "write {email: …, known_by: token}")
    email = str(said.get("email", ""))
    by = said.get("known_by", BY_COMMITS if email else BY_TOKEN)
    if by not in (BY_TOKEN, BY_COMMITS) or (by == BY_COMMITS and not email):
        raise DeclarationError(place, f"known_by is {by!r}", f"write {BY_TOKEN}, or {BY_COMMITS} and an email")
    return Person(name=name, email=email, needs_token=by == BY_TOKEN)


def _groups(content: Mapping[str, Any], people: Mapping[str, Person], where: str) -> dict[str, frozenset[str]]:
    found = {}
    for group, said in _part(content, "groups", where).items():
        names = frozenset(_names(said, f"{where}, group {group}"))
        for name in sorted(names - people.keys()):
            raise DeclarationError(f"{where}, group {group}", f"nobody is called {name}", "add them under `people:`")
        found[str(group)] = names
    return found


def _rule(said: Any, where: str) -> Rule:
    about = _mapping(said, where, '{subjects: "*", changes: […], approve: …}')
    changes = about.get("changes")
    if changes == "*":
        changes = sorted(EVERY_CLASS)
    known = ", ".join(ChangeClass)
    if not isinstance(changes, list) or not changes or any(each not in list(ChangeClass) for each in changes):
        raise DeclarationError(where, f"changes are {changes!r}", f"list some of {known}")
    verdict, needs = _approve(about.get("approve"), where)
    return Rule(
        subjects=str(about.get("subjects", "*")),
        changes=frozenset(ChangeClass(each) for each in changes),
        verdict=verdict,
        needs=needs,
    )


def _approve(said: Any, where: str) -> tuple[Verdict, tuple[Need, ...]]:
    if said in (Verdict.AUTOMATIC, Verdict.REFUSED):
        return Verdict(said), ()
    listed = [said] if isinstance(said, str | Mapping) else said
    if not isinstance(listed, list) or not listed:
        raise DeclarationError(where, f"approve is {said!r}", "write automatic, refused, or a list of roles")
    return Verdict.ASKED, tuple(_need(each, where) for each in listed)


def _need(said: Any, where: str) -> Need:
    about = {"role": said} if isinstance(said, str) else _mapping(said, where, "{role: board, quorum: 2}")
    quorum = about.get("quorum", 1)
    if isinstance(quorum, bool) or not isinstance(quorum, int) or quorum < 1 or "role" not in about:
        raise DeclarationError(where, f"{said!r} asks for nobody", "write a role, or {role: board, quorum: 2}")
    return Need(role=str(about["role"]), quorum=quorum)


def _exemption(said: Any, where: str) -> Exemption:
    about = _mapping(said, where, "a rule with `until` and `reason`")
    reason = str(about.get("reason", "")).strip()
    if not reason:
        raise DeclarationError(where, "has no reason", "say why, for those who find it later")
    return Exemption(rule=_rule(about, where), until=_instant(about.get("until"), where), reason=reason)


def _delegation(said: Any, people: Mapping[str, Person], where: str) -> Delegation:
    about = _mapping(said, where, "{from: ana, to: ben, until: 2027-01-31}")
    for key in ("from", "to"):
        if about.get(key) not in list(people):  # a list can be asked for what has no hash
            raise DeclarationError(where, f"{key} is {about.get(key)!r}", "name somebody of `people:`")
    since = _instant(about["since"], where) if "since" in about else datetime.min.replace(tzinfo=UTC)
    return Delegation(giver=about["from"], taker=about["to"], since=since, until=_instant(about.get("until"), where))


def _break_glass(content: Mapping[str, Any], where: str) -> BreakGlass | None:
    if "break_glass" not in content:
        return None
    place = f"{where}, break_glass"
    about = _mapping(content["break_glass"], place, "{roles: [on-call], hours: 4}")
    hours = _number(about.get("hours"), f"{place}, hours")
    return BreakGlass(roles=tuple(_names(about.get("roles"), place)), lasts=timedelta(hours=hours))


def _escalation(content: Mapping[str, Any], where: str) -> Escalation | None:
    if "escalation" not in content:
        return None
    place = f"{where}, escalation"
    about = _mapping(content["escalation"], place, "{after_hours: 48, to: board}")
    hours = _number(about.get("after_hours"), f"{place}, after_hours")
    return Escalation(after=timedelta(hours=hours), to=str(about.get("to", "")))


def _part(content: Mapping[str, Any], key: str, where: str) -> Mapping[Any, Any]:
    return _mapping(content.get(key) or {}, f"{where}, {key}", "a mapping")


def _mapping(found: Any, where: str, form: str) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise DeclarationError(where, f"is {type(found).__name__}", f"write {form}")
    return found


def _list(content: Mapping[str, Any], key: str, where: str) -> Sequence[Any]:
    found = content.get(key) or []
    if not isinstance(found, list):
        raise DeclarationError(f"{where}, {key}", "is no list", "write each with a dash")
    return found


def _names(found: Any, where: str) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise DeclarationError(where, f"is {found!r}", "write a list of names")
    return found


def _instant(found: Any, where: str) -> datetime:
    """A date's end of day (UTC), or an instant."""
    if isinstance(found, datetime):
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    if isinstance(found, date):
        return datetime.combine(found, time.max, UTC)
    raise DeclarationError(where, f"until is {found!r}", "write the last day, as 2027-01-31")


def _day(found: Any, where: str) -> date | None:
    if found is not None and (isinstance(found, datetime) or not isinstance(found, date)):
        raise DeclarationError(where, f"is {found!r}", "write a day, as 2027-01-31")
    return found


def _days(found: Any, where: str) -> timedelta:
    return timedelta(days=_number(found, where))


def _number(found: Any, where: str) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found <= MOST_DAYS:
        raise DeclarationError(where, f"is {found!r}", f"write a number above 0, up to {MOST_DAYS}")
    return float(found)


def _truth(found: Any, where: str) -> bool:
    if not isinstance(found, bool):
        raise DeclarationError(where, f"is {found!r}", "write true or false")
    return found


def _level(found: Any, where: str) -> Compatibility:
    if found not in list(Compatibility):
        raise DeclarationError(where, f"is {found!r}", f"write one of {', '.join(Compatibility)}")
    return Compatibility(found)
