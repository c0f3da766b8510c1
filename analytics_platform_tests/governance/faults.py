"""Faults that are planted into the code that decides, to see that the state machine finds them.

A fault is a piece of a function's source and what stands there instead. The function keeps its identity: its code is
exchanged, and put back.
"""

import inspect
import textwrap
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from analytics_platform.governance import approval, policy
from analytics_platform.pipeline.governance import acts, desk, gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong, and where that is planted."""

    name: str
    function: Any  # a function; its code is what is exchanged
    old: str
    new: str


FAULTS = [
    Fault(
        name="a vote counts for whatever is there now",
        function=approval._counts,
        old="vote.digest == proposal.change.digest",
        new="vote.digest != ''",
    ),
    Fault(name="authors may approve their own", function=approval._counts, old="and not is_own", new=""),
    Fault(
        name="votes never expire",
        function=approval._counts,
        old="vote.at <= now < vote.at + policy.approvals_last",
        new="vote.at <= now",
    ),
    Fault(
        name="votes from the future count",
        function=approval._counts,
        old="vote.at <= now < vote.at + policy.approvals_last",
        new="now < vote.at + policy.approvals_last",
    ),
    Fault(
        name="a seat is lent for ever",
        function=policy.Delegation.holds,
        old="self.since <= at < self.until",
        new="True",
    ),
    Fault(
        name="one person may sit on two seats",
        function=approval._valid,
        old="vote.seat != other.seat and vote.by != other.by",
        new="vote.seat != other.seat",
    ),
    Fault(
        name="a quorum is one",
        function=policy.Policy.demanded,
        old="max(need.quorum, quorums.get(need.role, 0))",
        new="1",
    ),
    Fault(
        name="only one of a change's classes is asked about",
        function=policy.Policy.demanded,
        old="for change in classes}",
        new="for change in sorted(classes)[:1]}",
    ),
    Fault(
        name="whose change nobody knows needs no second pair of eyes",
        function=policy.Policy.demanded,
        old="eyes=2 if",
        new="eyes=0 if",
    ),
    Fault(
        name="exceptions never end",
        function=policy.Policy.rule_for,
        old="if now < each.until",
        new="",
    ),
    Fault(
        name="glass stays broken",
        function=approval._opens,
        old="glass.at <= now < min(glass.until, glass.at + policy.break_glass.lasts)",
        new="glass.at <= now",
    ),
    Fault(
        name="glass is broken for whatever comes",
        function=approval._opens,
        old="glass.digest == proposal.change.digest",
        new="glass.digest != ''",
    ),
    Fault(
        name="anybody may break glass",
        function=acts.break_glass,
        old="rule is None or not any",
        new="rule is None or not bool",
    ),
    Fault(
        name="what is refused is only asked about",
        function=policy.Policy.demanded,
        old="refused=frozenset(",
        new="refused=frozenset() and frozenset(",
    ),
    Fault(
        name="a file is believed whoever wrote it",
        function=desk.Desk._doubt,
        old="person = policy.people.get(vote.by)",
        new="return None",
    ),
    Fault(
        name="what was taken back counts when its file is put back",
        function=desk._fact_of,
        old="if fact.step is not Step.APPROVED:",
        new="if fact is None:",
    ),
    Fault(
        name="a file that git knows outlives its withdrawal",
        function=desk.Desk._doubt,
        old="if said and vote.at <= max(fact.at for fact in said):",
        new="if not path:",
    ),
    Fault(
        name="who proposed a text is forgotten",
        function=desk.Desk._signed,
        old="frozenset(known | proposed | said)",
        new="frozenset(said)",
    ),
    Fault(
        name="the gate lets through what waits for votes",
        function=gate.Gate.permit,
        old="if not case.standing.may_publish:",
        new="if case.standing.missing and not case.is_reviewed:",
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
