"""The policy: who people are, and which of them must agree to what. Pure; `policy_file.py` reads it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from analytics_platform.governance.change import ChangeClass
from analytics_platform.product import Compatibility

OWNER = "owner"  # the role of whoever subject.yaml calls the owner
EVERY_CLASS = frozenset(ChangeClass)


class Verdict(StrEnum):
    """What a rule says of a change."""

    AUTOMATIC = "automatic"  # nobody is asked
    REFUSED = "refused"  # nobody can agree to it
    ASKED = "asked"  # the people of `needs`


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who may agree: known by a token, and unless that is asked for, by the address of their commits too."""

    name: str
    email: str = ""
    needs_token: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Need:
    """That many people of a role."""

    role: str
    quorum: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is said of changes of these classes to subjects whose name fits the pattern (`*`, `?`, `[…]`)."""

    subjects: str
    changes: frozenset[ChangeClass]
    verdict: Verdict
    needs: tuple[Need, ...] = ()

    def covers(self, subject: str, change: ChangeClass) -> bool:
        """Whether the rule speaks of this."""
        return change in self.changes and fnmatchcase(subject, self.subjects)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """A rule that goes before all others until an instant, and why."""

    rule: Rule
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """That `taker` may vote on `giver`'s seat from an instant until another."""

    giver: str
    taker: str
    since: datetime
    until: datetime

    def holds(self, at: datetime) -> bool:
        """Whether it is in force."""
        return self.since <= at < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlass:
    """Who may publish a change that nobody has approved, and for how long one such permission lasts."""

    roles: tuple[str, ...]
    lasts: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """Who is asked when a change has waited for that long."""

    after: timedelta
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What must be there before a change is published: these people, or nothing, or it never is (`refused` says why).

    `eyes` is how many people must have agreed at least, whatever their roles.
    """

    refused: frozenset[ChangeClass] = frozenset()
    needs: tuple[Need, ...] = ()
    eyes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All that `governance.yaml` says. Rules are tried in their order, and the first that covers a change decides.

    `at_least` is a level: what breaks at it is breaking, whatever level a subject asks for itself.
    """

    rules: tuple[Rule, ...]
    people: Mapping[str, Person] = field(default_factory=dict)
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exemptions: tuple[Exemption, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    break_glass: BreakGlass | None = None
    escalation: Escalation | None = None
    author_may_approve: bool = False
    approvals_last: timedelta = timedelta(days=30)
    at_least: Compatibility = Compatibility.NONE
    sunset: timedelta = timedelta(days=30)
    review_by: date | None = None
    digest: str = ""

    def rule_for(self, subject: str, change: ChangeClass, now: datetime) -> Rule:
        """The rule that decides on a change of that class; a change that none covers is refused."""
        standing = [each.rule for each in self.exemptions if now < each.until]
        for rule in (*standing, *self.rules):
            if rule.covers(subject, change):
                return rule
        return Rule(subjects=subject, changes=frozenset({change}), verdict=Verdict.REFUSED)

    def demanded(self, subject: str, classes: Iterable[ChangeClass], now: datetime, *, is_signed: bool) -> Demand:
        """What a change of those classes needs; one that is not signed is by nobody knows whom."""
        rules = {change: self.rule_for(subject, change, now) for change in classes}
        quorums: dict[str, int] = {}
        for rule in rules.values():
            for need in rule.needs:
                quorums[need.role] = max(need.quorum, quorums.get(need.role, 0))
        others = not self.author_may_approve and not is_signed  # one of the voters may be the author: two must agree
        return Demand(
            refused=frozenset(change for change, rule in rules.items() if rule.verdict is Verdict.REFUSED),
            needs=tuple(Need(role=role, quorum=quorum) for role, quorum in sorted(quorums.items())),
            eyes=2 if quorums and others else 0,
        )

    def members(self, role: str, owner: str) -> frozenset[str]:
        """The people of a role, by name; `owner` is whose the subject is."""
        named = (owner,) if role == OWNER else self.roles.get(role, (role,))
        return frozenset(person for name in named for person in self._people_of(name))

    def _people_of(self, name: str) -> Iterable[str]:
        if name in self.groups:
            return self.groups[name]
        return (name,) if name in self.people else ()


# What holds without a file: one person, who is not asked; what breaks somebody is refused, as the levels say.
LIGHT = Policy(
    rules=(
        Rule(
            subjects="*",
            changes=frozenset({ChangeClass.DOCUMENTATION, ChangeClass.COMPATIBLE, ChangeClass.PERSONAL_DATA}),
            verdict=Verdict.AUTOMATIC,
        ),
        Rule(
            subjects="*",
            changes=frozenset({ChangeClass.BREAKING, ChangeClass.LAKE_BREAKING}),
            verdict=Verdict.REFUSED,
        ),
    ),
    author_may_approve=True,
)
