"""What must come of a truth folder, in plain Python: the judge of the whole platform, and independent of it.

Knows nothing of how the platform works: it replays ids in the order of partition and sequence. pyarrow only turns
Parquet into Python lists.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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
    """What must come of one stream: rows per outcome, by replay and by the labels; `published` are row numbers."""

    rows: int
    outcomes: Mapping[str, int]
    labelled: Mapping[str, int]
    published: list[int]
    table: pa.Table


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
    published = []
    for row, outcome in _replay(table, stream, faults):
        outcomes[outcome] += 1
        if outcome == "published":
            published.append(row)
    labelled: Counter[str] = Counter()
    for fault, count in Counter(faults).items():
        labelled["quarantined" if fault.startswith("malformed:") else LABELS.get(fault, fault)] += count
    return Expected(rows=table.num_rows, outcomes=outcomes, labelled=labelled, published=published, table=table)


def read_truth(folder: Path, stream: str) -> pa.Table:
    """All settled truth of a stream; dictionary columns become texts, so that files can be put together."""
    tables = [_plain(pq.read_table(path)) for path in sorted(folder.glob(f"{stream}-*.parquet"))]
    return pa.concat_tables(tables).combine_chunks() if tables else pa.table({})


def highest_bid(bids: Expected) -> dict[datetime, dict[str, Any]]:
    """The expected rows of highest_bid, by minute; of equal prices the earliest wins, then the lowest id."""
    best: dict[int, tuple[Any, ...]] = {}
    for price, at, event_id, auction, bidder, channel in _published(
        bids, "price", "dateTime", "event_id", "auction", "bidder", "channel"
    ):
        minute = at // MINUTE_MS
        rival = (-price, at, event_id, auction, bidder, channel)
        if minute not in best or rival < best[minute]:
            best[minute] = rival
    return {
        _instant(minute * MINUTE_MS): {
            "price": -negated,
            "auction": auction,
            "bidder": bidder,
            "channel": channel,
            "bid_at": _instant(at),
            "event_id": event_id,
        }
        for minute, (negated, at, event_id, auction, bidder, channel) in sorted(best.items())
    }


def channel_revenue(bids: Expected) -> dict[tuple[datetime, str], dict[str, int]]:
    """The expected rows of channel_revenue, by minute and channel."""
    counts: Counter[tuple[int, str]] = Counter()
    sums: Counter[tuple[int, str]] = Counter()
    for at, channel, price in _published(bids, "dateTime", "channel", "price"):
        grain = (at // MINUTE_MS, channel)
        counts[grain] += 1
        sums[grain] += price
    return {
        (_instant(minute * MINUTE_MS), channel): {"bids": count, "revenue": sums[minute, channel]}
        for (minute, channel), count in sorted(counts.items())
    }


def _replay(table: pa.Table, stream: str, faults: list[str]) -> Iterator[tuple[int, str]]:
    """Every row's outcome, in the order of partition and sequence."""
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
            yield row, "quarantined"  # that its bytes are broken is nowhere but in the label
            continue
        is_beyond = times[row] < newest - HORIZON // timedelta(milliseconds=1)
        newest = max(newest, times[row])
        if not holds(*judged[row]):
            yield row, "quarantined"
        elif is_beyond:
            yield row, "beyond_horizon"
        elif ids[row] not in winners:
            winners[ids[row]] = row
            yield row, "published"
        else:
            winner = winners[ids[row]]
            is_same = all(column[row] == column[winner] for column in payload)
            yield row, "duplicate" if is_same else "conflict"


def _published(expected: Expected, *names: str) -> Iterator[tuple[Any, ...]]:
    if not expected.rows:
        return
    columns = [expected.table[name].to_pylist() for name in names]
    for row in expected.published:
        yield tuple(column[row] for column in columns)


def _plain(table: pa.Table) -> pa.Table:
    types = [f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in table.schema]
    return table.cast(pa.schema(list(zip(table.schema.names, types, strict=True))))


def _instant(at_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=at_ms)
