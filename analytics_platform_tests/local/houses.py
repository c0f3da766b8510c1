"""Small auction houses for tests, and their records as a stock client reads them."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import fastavro
import pyarrow as pa
from fastavro.schema import load_schema
from kafka.record import MemoryRecords

from analytics_platform.ingest.encode_batch import ProducerId, seal
from analytics_platform.local.auction_house.chance import Chance
from analytics_platform.local.auction_house.chunk import Chunk, House, Topic, build_chunk
from analytics_platform.local.auction_house.faults import Shares
from analytics_platform.local.auction_house.options import read_topics
from analytics_platform.local.auction_house.plan import Kind, Places
from analytics_platform.local.auction_house.timeline import starting
from analytics_platform.settings import ROOT

START_MS = 1_767_225_600_000  # 2026-01-01
SENT_MS = START_MS + 1
FAULTY = Shares(late=0.05, out_of_order=0.05, duplicates=0.05, conflicts=0.05, malformed=0.1)
TOPICS = read_topics(ROOT / "schemas")
AVRO = {kind: load_schema(str(ROOT / f"schemas/{kind}/value/1.avsc")) for kind in (Kind.BIDS, Kind.AUCTIONS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Produced:
    """One record and where it went."""

    kind: Kind
    partition: int
    sequence: int
    key: bytes
    value: bytes
    headers: dict[str, bytes]

    @property
    def event_id(self) -> str:
        return self.headers["event_id"].decode()


def house(shares: Shares | None = None, *, seed: int = 1, topics: tuple[Topic, ...] = TOPICS) -> House:
    """An auction house that starts with event 0 at 1000 events a second."""
    return House(
        topics=topics,
        chance=Chance(seed),
        shares=shares or Shares(),
        timeline=starting(0, START_MS, 1_000.0),
    )


def no_ends(topics: tuple[Topic, ...] = TOPICS) -> dict[tuple[str, int], int]:
    """Fresh topics."""
    return {(topic.name, partition): 0 for topic in topics for partition in range(topic.partitions)}


def produce(from_house: House, events: int, *, chunk_events: int | None = None) -> list[Chunk]:
    """All events of a bounded run, in chunks."""
    step, ends, order = chunk_events or events, no_ends(from_house.topics), 0
    chunks = []
    for start in range(0, events, step):
        places = Places(start=start, end=min(start + step, events), is_last=start + step >= events)
        chunk = build_chunk(from_house, places, order, ends, SENT_MS)
        order += chunk.rows
        for place, blocks in chunk.blocks.items():
            ends[place] += sum(block.records for block in blocks)
        chunks.append(chunk)
    return chunks


def truth_of(chunks: list[Chunk], kind: Kind) -> list[dict[str, Any]]:
    """The truth of one stream by partition and sequence."""
    rows = [row for chunk in chunks for row in _plain(chunk.truth[kind])]
    return sorted(rows, key=lambda row: (row["partition"], row["sequence"]))


def records_of(chunks: list[Chunk], kind: Kind) -> list[Produced]:
    """The records of one stream by partition and offset, on a fresh topic."""
    found = [record for record in _records(chunks) if record.kind == kind]
    return sorted(found, key=lambda record: (record.partition, record.sequence))


def decoded_avro(kind: Kind, value: bytes) -> dict[str, Any]:
    """An Avro value of the wire format, read with fastavro to its last byte; times as milliseconds."""
    topic = next(topic for topic in TOPICS if topic.kind == kind)
    assert value[:5] == b"\0" + topic.schema_id.to_bytes(4, "big")
    source = BytesIO(value[5:])
    found = fastavro.schemaless_reader(source, AVRO[kind], None)
    assert isinstance(found, dict) and not source.read()
    return {name: int(v.timestamp() * 1000) if hasattr(v, "timestamp") else v for name, v in found.items()}


def _records(chunks: list[Chunk]) -> Iterator[Produced]:
    kinds = {topic.name: topic.kind for topic in TOPICS}
    ends: dict[tuple[str, int], int] = {}
    for chunk in chunks:
        for (name, partition), blocks in chunk.blocks.items():
            for block in blocks:
                for record in MemoryRecords(seal(block, ProducerId(), -1)).next_batch():
                    sequence = ends.get((name, partition), 0)
                    ends[name, partition] = sequence + 1
                    yield Produced(
                        kind=kinds[name],
                        partition=partition,
                        sequence=sequence,
                        key=record.key,
                        value=record.value,
                        headers=dict(record.headers),
                    )


def _plain(table: pa.Table) -> list[dict[str, Any]]:
    return table.to_pylist()
