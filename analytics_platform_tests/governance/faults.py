"""Faults that are planted into the code that decides, to see that the oracle of the state machine objects.

Whether somebody may break glass is asked twice, by the act and by the gate: one fault in that publishes nothing, and is
not here. A fault is a piece of a function's source and what stands there instead. The function keeps its identity: its
code is exchanged, and put back.
"""

import inspect
import textwrap
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from analytics_platform.governance import approval, policy
from analytics_platform.pipeline.governance import desk, gate
from analytics_platform_tests.governance.campaigns import Campaign, Way
from analytics_platform_tests.governance.policies import Content

FIRST = Content("x", "", "long")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A policy, and what people do under it, after a first version that is `FIRST`."""

    policy: int
    campaigns: tuple[Campaign, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong, where that is planted, and a scene in which it publishes what it must not."""

    name: str
    function: Any  # a function; its code is what is exchanged
    old: str
    new: str
    shown_by: Scene


BOARD, EXCEPTED, SHORT = 2, 3, 4  # of the policies
PLAIN, PERSONAL, BREAKING = Content("x", "plain", "long"), Content("x", "personal", "long"), Content("x", "", "string")
ANA, BEN, CEM = [(name, None, Way.BY_ACT) for name in ("ana", "ben", "cem")]
ANA_FOR_DORA = ("ana", "dora", Way.BY_ACT)


def _campaign(content: Content, **said: Any) -> Campaign:
    usual: dict[str, Any] = {"author": "cem", "denies": None, "votes": [], "glass": None, "edited": None, "hours": 0}
    return Campaign(content=content, **{**usual, **said})


def _one(content: Content, *, policy: int = BOARD, **said: Any) -> Scene:
    """A single campaign."""
    return Scene(policy=policy, campaigns=(_campaign(content, **said),))


def _later(content: Content, **said: Any) -> Scene:
    """The same once dora has lent her seat to ana."""
    waited = _campaign(Content("y", "", "long"), hours=60)
    return Scene(policy=BOARD, campaigns=(waited, _campaign(content._replace(doc="y"), **said)))


FAULTS = [
    Fault(
        name="a vote counts for whatever is there now",
        function=approval._counts,
        old="vote.digest == proposal.change.digest",
        new="vote.digest != ''",
        shown_by=Scene(
            policy=BOARD,
            campaigns=(
                _campaign(PLAIN, votes=[ANA], edited=PLAIN._replace(doc="y")),
                _campaign(PLAIN._replace(doc="y")),
            ),
        ),
    ),
    Fault(
        name="authors may approve their own",
        function=approval._counts,
        old="and not is_own",
        new="",
        shown_by=_one(PLAIN, author="ana", votes=[("ana", None, Way.OWN_HAND)]),
    ),
    Fault(
        name="votes never expire",
        function=approval._counts,
        old="vote.at <= now < vote.at + policy.approvals_last",
        new="vote.at <= now",
        shown_by=_one(PLAIN, policy=SHORT, votes=[ANA], hours=30),
    ),
    Fault(
        name="votes from the future count",
        function=approval._counts,
        old="vote.at <= now < vote.at + policy.approvals_last",
        new="now < vote.at + policy.approvals_last",
        shown_by=_one(PLAIN, votes=[ANA], hours=-3),
    ),
    Fault(
        name="a seat is lent for ever",
        function=policy.Delegation.holds,
        old="self.since <= at < self.until",
        new="True",
        shown_by=_one(PERSONAL, votes=[BEN, ANA_FOR_DORA]),
    ),
    Fault(
        name="one person may sit on two seats",
        function=approval._valid,
        old="vote.seat != other.seat and vote.by != other.by",
        new="vote.seat != other.seat",
        shown_by=_later(PERSONAL, votes=[ANA, ANA_FOR_DORA]),
    ),
    Fault(
        name="a quorum is one",
        function=policy.Policy.demanded,
        old="max(need.quorum, quorums.get(need.role, 0))",
        new="1",
        shown_by=_one(BREAKING, author="ana", votes=[BEN]),
    ),
    Fault(
        name="only one of a change's classes is asked about",
        function=policy.Policy.demanded,
        old="for change in classes}",
        new="for change in sorted(classes)[:1]}",
        shown_by=_one(Content("x", "personal", "string"), author="ana", votes=[BEN, CEM]),
    ),
    Fault(
        name="whose change nobody knows needs no second pair of eyes",
        function=policy.Policy.demanded,
        old="eyes=2 if",
        new="eyes=0 if",
        shown_by=_one(PLAIN, author=None, votes=[ANA]),
    ),
    Fault(
        name="exceptions never end",
        function=policy.Policy.rule_for,
        old="if now < each.until",
        new="",
        shown_by=_one(PLAIN, policy=EXCEPTED, hours=130),
    ),
    Fault(
        name="glass stays broken",
        function=approval._opens,
        old="glass.at <= now < min(glass.until, glass.at + policy.break_glass.lasts)",
        new="glass.at <= now",
        shown_by=_one(BREAKING, glass="ben", hours=5),
    ),
    Fault(
        name="glass is broken for whatever comes",
        function=approval._opens,
        old="glass.digest == proposal.change.digest",
        new="glass.digest != ''",
        shown_by=_one(BREAKING, glass="ben", edited=Content("y", "", "string")),
    ),
    Fault(
        name="what is refused is only asked about",
        function=policy.Policy.demanded,
        old="refused=frozenset(",
        new="refused=frozenset() and frozenset(",
        shown_by=_one(BREAKING, policy=SHORT),
    ),
    Fault(
        name="a file is believed whoever wrote it",
        function=desk.Desk._doubt,
        old="person = policy.people.get(vote.by)",
        new="return None",
        shown_by=_one(PLAIN, votes=[("ana", None, Way.FORGED)]),
    ),
    Fault(
        name="what was taken back counts when its file is put back",
        function=desk._fact_of,
        old="if fact.step is not Step.APPROVED:",
        new="if fact is None:",
        shown_by=_one(PLAIN, votes=[("ana", None, Way.TAKEN_BACK)]),
    ),
    Fault(
        name="a file that git knows outlives its withdrawal",
        function=desk.Desk._doubt,
        old="if said and vote.at <= max(fact.at for fact in said):",
        new="if not path:",
        shown_by=_one(PLAIN, votes=[("ana", None, Way.TAKEN_BACK)]),
    ),
    Fault(
        name="who proposed a text is forgotten",
        function=desk.Desk._signed,
        old="frozenset(known | proposed | said)",
        new="frozenset(said)",
        shown_by=_one(PLAIN, author="ana", denies="cem", votes=[ANA]),
    ),
    Fault(
        name="the gate lets through what waits for votes",
        function=gate.Gate.permit,
        old="if not case.standing.may_publish:",
        new="if case.standing.missing and not case.is_reviewed:",
        shown_by=_one(PLAIN),
    ),
]


@contextmanager
def planted(fault: Fault) -> Generator[None]:
    """The fault, while the block runs; raises AssertionError if the code has moved on."""
    source = textwrap.dedent(inspect.getsource(fault.function))
    assert fault.old in source, f"{fault.name}: {fault.old!r} is not in {fault.function.__qualname__}"
    lines = source.replace(fault.old, fault.new, 1).splitlines()
    while lines[0].startswith("@"):
        lines.pop(0)
    place: dict[str, Any] = {}
    exec("\n".join(lines), fault.function.__globals__, place)
    right = fault.function.__code__
    fault.function.__code__ = place[fault.function.__name__].__code__
    try:
        yield
    finally:
        fault.function.__code__ = right
