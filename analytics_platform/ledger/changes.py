"""What judging batches again has changed, summed by hour and stream. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAgain:
    """One batch of an order that is done: whether it changed, and the note that the ledger keeps of it."""

    stream: str
    number: int
    hour: datetime
    changed: bool
    note: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Batches judged again and those that changed; rows that came and went in silver; outcomes before and after."""

    batches: int
    changed: int
    added: int = 0
    removed: int = 0
    before: Mapping[str, int] = field(default_factory=dict)
    after: Mapping[str, int] = field(default_factory=dict)


def changes_by_hour(judged: Iterable[JudgedAgain]) -> dict[tuple[datetime, str], Change]:
    """By hour and stream, the sum over its batches."""
    groups: dict[tuple[datetime, str], list[JudgedAgain]] = {}
    for batch in judged:
        groups.setdefault((batch.hour, batch.stream), []).append(batch)
    return {place: sum_changes(batches) for place, batches in groups.items()}


def sum_changes(judged: Iterable[JudgedAgain]) -> Change:
    """The sum over those batches."""
    batches = list(judged)
    before, after = Counter[str](), Counter[str]()
    for batch in batches:
        before.update(batch.note.get("before", {}))
        after.update(batch.note.get("after", {}))
    return Change(
        batches=len(batches),
        changed=sum(batch.changed for batch in batches),
        added=sum(int(batch.note.get("added", 0)) for batch in batches),
        removed=sum(int(batch.note.get("removed", 0)) for batch in batches),
        before=dict(before),
        after=dict(after),
    )


def outcomes_moved(change: Change) -> dict[str, tuple[int, int]]:
    """By outcome whose count has changed, how many rows had it before, and have it now."""
    counts = {
        outcome: (change.before.get(outcome, 0), change.after.get(outcome, 0))
        for outcome in sorted(change.before.keys() | change.after.keys())
    }
    return {outcome: (was, now) for outcome, (was, now) in counts.items() if was != now}
