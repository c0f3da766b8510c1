"""Whether tables hold exactly what the truth and the broker say: rows are compared by value. Pure, but for `found_in`.

Tables are read by stock readers (deltalake, DuckDB) and the broker is asked by a stock client.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from confluent_kafka import Consumer, TopicPartition
from deltalake import DeltaTable

from analytics_platform_tests.proofs.oracle import Expected, channel_revenue, highest_bid
from analytics_platform_tests.stock import Address, stock

ASK_SECONDS = 10.0
Spans = Mapping[int, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFound:
    """A stream as it was found: the broker's offsets by partition [first, end), and the rows of its tables."""

    stream: str
    spans: Spans
    gaps: int
    bronze: pa.Table  # partition, offset
    silver: pa.Table  # partition, offset, event_id
    exceptions: pa.Table  # partition, offset, outcome


def broker_spans(bootstrap: Address, topic: str) -> dict[int, tuple[int, int]]:
    """First and end offset of each partition, asked with a client that the platform does not use."""
    consumer = Consumer({**stock(bootstrap), "group.id": "proof", "enable.auto.commit": False})
    try:
        partitions = sorted(consumer.list_topics(topic, ASK_SECONDS).topics[topic].partitions)
        return {p: consumer.get_watermark_offsets(TopicPartition(topic, p), ASK_SECONDS) for p in partitions}
    finally:
        consumer.close()


def read_rows(root: Path, columns: Sequence[str], version: int | None = None) -> pa.Table:
    """Those columns of a Delta table, read by stock readers."""
    uris = DeltaTable(str(root), version=version).file_uris()
    if not uris:
        return pa.table({name: pa.array([], pa.null()) for name in columns})
    names = ", ".join(f'"{name}"' for name in columns)
    with duckdb.connect() as connection:
        query = f"select {names} from read_parquet($uris, union_by_name = true)"
        return connection.sql(query, params={"uris": uris}).to_arrow_table()


def stream_differences(found: StreamFound, expected: Expected) -> list[str]:
    """In which ways a stream is not what the truth demands; empty when it is."""
    bronze, silver = _coordinates(found.bronze), _coordinates(found.silver)
    exceptions, truth = _coordinates(found.exceptions), _truth(expected)
    offsets = sum(end - first for first, end in found.spans.values())
    published = Counter(_rows(expected.table.take(pa.array(expected.published, pa.int64())), "event_id"))
    outcomes = {"published": silver.total(), **Counter(found.exceptions["outcome"].to_pylist())}
    ids = Counter(found.silver["event_id"].to_pylist())
    problems = [
        _differ("the broker's offsets, bronze rows + gaps", offsets, bronze.total() + found.gaps),
        _differ("truth rows, bronze rows", expected.rows, bronze.total()),
        _differ("bronze rows, silver + exceptions rows", bronze.total(), silver.total() + exceptions.total()),
        _unlike("bronze has other records than the truth", truth, bronze),
        _unlike("silver and exceptions are not bronze", bronze, silver + exceptions),
        _unlike("silver has other events than the oracle", published, Counter(_rows(found.silver, "event_id"))),
        _unlike("an offset is in bronze twice", Counter(set(bronze)), bronze),
        _unlike("an event id is in silver twice", Counter(set(ids)), ids),
        _differ("outcomes of the oracle, of the tables", _sorted(expected.outcomes), _sorted(outcomes)),
    ]
    return [f"{found.stream}: {problem}" for problem in problems if problem]


def model_differences(bids: Expected, tables: Mapping[str, pa.Table]) -> list[str]:
    """In which ways the models are not what the oracle computes; empty when they are."""
    return differences_from(expected_models(bids), tables)


def differences_from(wanted: Mapping[str, Counter[tuple[Any, ...]]], tables: Mapping[str, pa.Table]) -> list[str]:
    """In which ways tables differ from the rows they must have, columns in order of name; empty when in none."""
    found = {name: model_rows(tables[name]) for name in wanted}
    problems = [_unlike(f"{name} has other rows than the oracle", wanted[name], found[name]) for name in wanted]
    return [problem for problem in problems if problem]


def expected_models(bids: Expected) -> dict[str, Counter[tuple[Any, ...]]]:
    """The rows that each model must have, columns in order of name."""
    highest = [{"minute": minute, **row} for minute, row in highest_bid(bids).items()]
    revenue = [{"minute": minute, "channel": c, **row} for (minute, c), row in channel_revenue(bids).items()]
    return {"highest_bid": counted(highest), "channel_revenue": counted(revenue)}


def model_rows(table: pa.Table) -> Counter[tuple[Any, ...]]:
    """The rows of a model, columns in order of name."""
    return counted(table.to_pylist())


def counted(rows: Iterable[Mapping[str, Any]]) -> Counter[tuple[Any, ...]]:
    """How often each row is there, columns in order of name."""
    return Counter(map(_by_name, rows))


def _by_name(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(_comparable(row[name]) for name in sorted(row))


def _comparable(value: Any) -> Any:
    return value.timestamp() if isinstance(value, datetime) else value


def _coordinates(table: pa.Table) -> Counter[tuple[Any, ...]]:
    return Counter(_rows(table))


def _rows(table: pa.Table, *more: str) -> list[tuple[Any, ...]]:
    offset = "offset" if "offset" in table.column_names else "sequence"  # as the truth calls it
    return list(zip(*(table[name].to_pylist() for name in ("partition", offset, *more)), strict=True))


def _truth(expected: Expected) -> Counter[tuple[Any, ...]]:
    return Counter(_rows(expected.table)) if expected.rows else Counter()


def _sorted(outcomes: Mapping[str, int]) -> dict[str, int]:
    return {name: outcomes[name] for name in sorted(outcomes) if outcomes[name]}


def _differ(what: str, wanted: Any, found: Any) -> str:
    return "" if wanted == found else f"{what}: {wanted} and {found}"


def _unlike(what: str, wanted: Counter[Any], found: Counter[Any]) -> str:
    missing, surplus = wanted - found, found - wanted
    if not missing and not surplus:
        return ""
    samples = [*missing][:2], [*surplus][:2]
    return f"{what}: {missing.total()} missing, {surplus.total()} too many, such as {samples}"
