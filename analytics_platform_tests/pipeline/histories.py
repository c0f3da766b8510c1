"""Random histories of a stream in batches, the content that a history comes to, and an oracle that shares nothing."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
from hypothesis import strategies as st

from analytics_platform.lake.fingerprint import fingerprint
from analytics_platform.lake.grains import values_of
from analytics_platform.lake.incomplete import of_all
from analytics_platform.lake.shapes import INSTANT, hashed
from analytics_platform.ledger.postgres.incomplete import lacking
from analytics_platform_tests.pipeline.orders import (
    ORDERS,
    REVENUE,
    SHOP,
    finish,
    kafka_with,
    lease,
    opened,
    order,
    rows,
)

CHECKED = replace(
    SHOP,
    streams=(
        replace(
            ORDERS,
            contract="""
dataset: platform/main/orders
columns:
  - name: amount
    checks:
      - invalid: {name: amounts are below 900, valid_max: 899}
checks: []
""",
        ),
    ),
)
SPOILED = order(999_999, amount=999)  # holds its batch


@dataclass(frozen=True, slots=True)
class One:
    """An event: equal numbers are copies, other amounts make them conflicts; amounts below 1 break a rule."""

    number: int
    amount: int
    minute: int

    def record(self):
        return order(self.number, amount=self.amount, minute=self.minute)


EVENTS = st.builds(One, st.integers(0, 7), st.sampled_from([-1, 5, 5, 5, 6]), st.integers(0, 3))
HISTORIES = st.lists(st.lists(EVENTS, min_size=1, max_size=5), min_size=2, max_size=4)


def play(parts, kafka, history, *, without: Collection[int] = (), spoiled: Collection[int] = ()):
    """Each list of events becomes a batch: without records for some, and with one that holds it for others.

    Every batch has one offset more than events, so that offsets are the same whatever is spoiled. Then the stream ends:
    late rows that were being gathered for the model have reached it.
    """
    for number, events in enumerate(history, 1):
        last = SPOILED if number in spoiled else None
        records = [None] * len(events) if number in without else [event.record() for event in events]
        kafka.append(ORDERS.topic, 0, [*records, last])
        lease(parts, f"live {number}")
    finish(parts)


def empty():
    """A broker without a record."""
    return kafka_with([[], []])


def content(parts, *, late: bool = True):
    """Content hashes of what readers see; without lateness, where other rows were read before."""
    silver = rows(parts, "orders/silver")
    silver = silver if late else silver.drop_columns(["late_micros"])
    return fingerprint(hashed(silver)), fingerprint(hashed(rows(parts, "revenue")))


def everything(parts):
    """Content hashes of every table."""
    return {name: fingerprint(hashed(rows(parts, name))) for name in parts.tables.by_name}


def expected(history: Sequence[Sequence[One]], gone: Collection[int] = ()) -> dict[str, tuple[int, int]]:
    """By event id, amount and minute of its first copy that keeps its rule, in batches that are not gone. By hand."""
    found: dict[str, tuple[int, int]] = {}
    for number, events in enumerate(history, 1):
        for event in events:
            if number not in gone and event.amount > 0:
                found.setdefault(f"order-{event.number:06d}", (event.amount, event.minute))
    return found


def silver(parts) -> dict[str, tuple[int, int]]:
    """What silver holds, in the oracle's form."""
    table: pa.Table = rows(parts, "orders/silver")
    return {row["event_id"]: (row["amount"], _minute(row["at"])) for row in table.to_pylist()}


def revenue(parts) -> dict[int, tuple[int, int]]:
    """What the model holds: by minute, the sum of amounts and how many."""
    return {row["minute"].minute: (row["revenue"], row["orders"]) for row in rows(parts, "revenue").to_pylist()}


def incomplete(parts) -> set[int]:
    """The minutes that are said to lack rows of held batches."""
    found = of_all(lacking(parts.ledger, ["orders"]).values()).get("revenue", frozenset())
    assert found is not None
    return {start.minute for start in values_of(found, REVENUE.grain, INSTANT).to_pylist()}


def disputed(history: Sequence[Sequence[One]]) -> set[int]:
    """The minutes of events of which there are copies that differ: which one counts may change at any time."""
    copies: dict[int, set[One]] = {}
    for event in (event for events in history for event in events):
        copies.setdefault(event.number, set()).add(event)
    return {event.minute for same in copies.values() if len(same) > 1 for event in same}


def summed(found: dict[str, tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """The same by hand from the oracle's rows."""
    sums: dict[int, tuple[int, int]] = {}
    for amount, minute in found.values():
        total, count = sums.get(minute, (0, 0))
        sums[minute] = total + amount, count + 1
    return sums


def _minute(at: datetime | str) -> int:
    return at.minute if isinstance(at, datetime) else datetime.fromisoformat(json.loads(at)).minute


__all__ = ["opened"]
