"""Which rows of exceptions are asked for, as SQL over one stream's table, and how a row is shown. Pure."""

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analytics_platform.facts import Outcome
from analytics_platform.lake.model import text

GROUPED = "outcome, reason, count(*) as rows, count(distinct batch) as batches, min(batch) as first, max(batch) as last"
COORDINATES = 'batch, partition, "offset"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Rows of one outcome; all that is left out is not asked for. `reason` is a part of it; times are the broker's."""

    outcome: Outcome = Outcome.QUARANTINED
    reason: str | None = None
    batches: Collection[int] = ()
    since: datetime | None = None
    until: datetime | None = None


def where(asked: Filter, decided: Collection[tuple[int, str]] = ()) -> str:
    """The condition; without rows of those batches and reasons that somebody has decided about."""
    parts = [f"outcome = {text(asked.outcome)}"]
    if asked.reason is not None:
        parts.append(f"contains(reason, {text(asked.reason)})")
    if asked.batches:
        parts.append(f"batch in ({', '.join(str(number) for number in sorted(asked.batches))})")
    if asked.since is not None:
        parts.append(f"broker_at >= timestamptz '{asked.since.isoformat()}'")
    if asked.until is not None:
        parts.append(f"broker_at < timestamptz '{asked.until.isoformat()}'")
    if decided:
        pairs = ", ".join(f"({number}, {text(reason)})" for number, reason in sorted(decided))
        parts.append(f"(batch, reason) not in ({pairs})")
    return " and ".join(parts)


def shown(row: Mapping[str, Any], rules: Mapping[str, str]) -> dict[str, Any]:
    """A row with its bytes, as text where they are, and the rule that it breaks, where it is one."""
    reason = row["reason"] or ""
    found: dict[str, Any] = {name: value for name, value in row.items() if name not in ("key", "value")}
    if (rule := reason.removeprefix("rule ")) in rules:
        found["rule"] = rules[rule]
    for name in ("key", "value"):
        found |= _bytes(name, row[name])
    return {name: value for name, value in found.items() if value is not None}


def _bytes(name: str, value: bytes | None) -> dict[str, Any]:
    if value is None:
        return {}
    found: dict[str, Any] = {f"{name}_base64": base64.b64encode(value).decode()}
    try:
        read = value.decode()
    except UnicodeDecodeError:
        return found
    return {name: read, **found} if read.isprintable() else found
