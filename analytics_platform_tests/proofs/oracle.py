"""What must come of a truth folder, in plain Python: the judge of the whole platform, and independent of it.

Knows nothing of how the platform works: it replays ids in the order of partition and sequence. pyarrow only turns
Parquet into Python lists.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

STREAMS = ("bids", "auctions", "persons")
COORDINATES = ("order", "partition", "sequence", "event_id", "fault")
MINUTE_MS = 60_000
HORIZON = timedelta(days=7)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LABELS = {"none": "published", "late": "published", "out_of_order": "published"}
RULES: dict[str, tuple[tuple[str, ...], Callable[..., bool]]] = {
    "bids": (("price", "channel"), lambda price, channel: price > 0 and channel != ""),
    "auctions": (
        ("initialBid", "reserve", "dateTime", "expires"),
        lambda initial, reserve, opens, closes: initial > 0 and reserve >= initial and closes > opens,
    ),
    "persons": (("name", "emailAddress"), lambda name, address: name != "" and "@" in address[1:-1]),
}


class OracleError(Exception):
    """The truth contradicts itself."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What must come of one stream: rows per outcome, by replay and by the labels; `published` are row numbers.

    `late_ms` is by published row how far it lies behind the newest event before it in its partition.
    """

    rows: int
    outcomes: Mapping[str, int]
    labelled: Mapping[str, int]
    published: list[int]
    table: pa.Table
    late_ms: Mapping[int, int] = field(default_factory=dict)


def expect(folder: Path) -> dict[str, Expected]:
    """What must come of every stream of a truth folder."""
    return {stream: expect_stream(folder, stream) for stream in STREAMS}


def expect_stream(folder: Path, stream: str) -> Expected:
    """Replay one stream; raises OracleError when two rows claim one place."""
    table = read_truth(folder, stream)
    if table.num_rows == 0:
        return Expected(rows=0, outcomes={}, labelled={}, published=[], table=table)
    faults = table["fault"].to_pylist()
    outcomes: Counter[str] = Counter()
    late_ms = {}
    for row, outcome, late in _replay(table, stream, faults):
        outcomes[outcome] += 1
        if outcome == "published":
            late_ms[row] = late
    labelled: Counter[str] = Counter()
    for fault, count in Counter(faults).items():
        labelled["quarantined" if fault.startswith("malformed:") else LABELS.get(fault, fault)] += count
    return Expected(
        rows=table.num_rows,
        outcomes=outcomes,
        labelled=labelled,
        published=list(late_ms),
        table=table,
        late_ms=late_ms,
    )


def read_truth(folder: Path, stream: str) -> pa.Table:
    """All settled truth of a stream; dictionary columns become texts, so that files can be put together."""
    tables = [_plain(pq.read_table(path)) for path in sorted(folder.glob(f"{stream}-*.parquet"))]
    return pa.concat_tables(tables).combine_chunks() if tables else pa.table({})


def highest_bid(bids: Expected) -> dict[datetime, dict[str, Any]]:
    """The expected rows of highest_bid, by minute; of equal prices the earliest wins, then the lowest id."""
    best: dict[int, tuple[Any, ...]] = {}
    for price, at, event_id, auction, bidder, channel in published_rows(
        bids, "price", "dateTime", "event_id", "auction", "bidder", "channel"
    ):
        minute = at // MINUTE_MS
        rival = (-price, at, event_id, auction, bidder, channel)
        if minute not in best or rival < best[minute]:
            best[minute] = rival
    return {
        instant(minute * MINUTE_MS): {
            "price": -negated,
            "auction": auction,
            "bidder": bidder,
            "channel": channel,
            "bid_at": instant(at),
            "event_id": event_id,
        }
        for minute, (negated, at, event_id, auction, bidder, channel) in sorted(best.items())
    }


def channel_revenue(bids: Expected) -> dict[tuple[datetime, str], dict[str, int]]:
    """The expected rows of channel_revenue, by minute and channel."""
    counts: Counter[tuple[int, str]] = Counter()
    sums: Counter[tuple[int, str]] = Counter()
    for at, channel, price in published_rows(bids, "dateTime", "channel", "price"):
        grain = (at // MINUTE_MS, channel)
        counts[grain] += 1
        sums[grain] += price
    return {
        (instant(minute * MINUTE_MS), channel): {"bids": count, "revenue": sums[minute, channel]}
        for (minute, channel), count in sorted(counts.items())
    }


def _replay(table: pa.Table, stream: str, faults: list[str]) -> Iterator[tuple[int, str, int]]:
    """Every row's outcome, and how late it is in milliseconds, in the order of partition and sequence."""
    names, holds = RULES[stream]
    judged = list(zip(*(table[name].to_pylist() for name in names), strict=True))
    partitions, sequences = table["partition"].to_pylist(), table["sequence"].to_pylist()
    ids, times = table["event_id"].to_pylist(), table["dateTime"].to_pylist()
    payload = [table[name] for name in table.schema.names if name not in COORDINATES]
    winners: dict[str, int] = {}
    place, newest = (-1, -1), 0
    for row in sorted(range(len(ids)), key=lambda row: (partitions[row], sequences[row])):
        before, place = place, (partitions[row], sequences[row])
        if place == before:
            raise OracleError(f"{stream}: two rows claim partition {place[0]}, sequence {place[1]}")
        newest = newest if place[0] == before[0] else 0
        if faults[row].startswith("malformed:") and faults[row] != "malformed:rule":
            yield row, "quarantined", 0  # that its bytes are broken is nowhere but in the label
            continue
        late = max(0, newest - times[row])
        newest = max(newest, times[row])  # rows that break a rule count: what is late must not change with the rules
        if not holds(*judged[row]):
            yield row, "quarantined", late
        elif late > HORIZON // timedelta(milliseconds=1):
            yield row, "beyond_horizon", late
        elif ids[row] not in winners:
            winners[ids[row]] = row
            yield row, "published", late
        else:
            winner = winners[ids[row]]
            is_same = all(column[row] == column[winner] for column in payload)
            yield row, "duplicate" if is_same else "conflict", late


def published_rows(expected: Expected, *names: str) -> Iterator[tuple[Any, ...]]:
    """Those columns of the rows that must be in silver."""
    if not expected.rows:
        return
    columns = [expected.table[name].to_pylist() for name in names]
    for row in expected.published:
        yield tuple(column[row] for column in columns)


def _plain(table: pa.Table) -> pa.Table:
    types = [f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in table.schema]
    return table.cast(pa.schema(list(zip(table.schema.names, types, strict=True))))


def instant(at_ms: int) -> datetime:
    """Milliseconds since 1970 as a time."""
    return EPOCH + timedelta(milliseconds=at_ms)
