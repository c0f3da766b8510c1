"""Stand-ins that keep everything in memory; the suites of the real things run on them too."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID, uuid4

import pyarrow as pa

from analytics_platform.errors import OffsetsLostError, TopicChangedError, TopicMissingError, UnreachableError
from analytics_platform.facts import OffsetRange, PartitionOffsets
from analytics_platform.ingest.records import CHUNK_BYTES, RECORDS_SCHEMA, Gap


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeRecord:
    """A record before it has an offset; `at_ms` is what the broker's timestamp will be."""

    value: bytes | None = None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    at_ms: int = 1_700_000_000_000


@dataclass(slots=True)
class FakeTopic:
    """One log per partition; None is an offset without a record. `first` is what retention has left."""

    id: UUID
    logs: list[list[FakeRecord | None]]
    first: list[int] = field(default_factory=list)
    stands_at: dict[int, int] = field(default_factory=dict)  # by partition, where a transaction hangs


class FakeKafka:
    """A broker in memory: create, append, leave gaps, delete, recreate, stop."""

    def __init__(self) -> None:
        self.topics: dict[str, FakeTopic] = {}
        self.is_up = True
        self.changed = threading.Condition()

    def create(self, topic: str, partitions: int = 1) -> UUID:
        """A new, empty topic; one of that name that exists is gone."""
        self.topics[topic] = FakeTopic(uuid4(), [[] for _ in range(partitions)], [0] * partitions)
        return self.topics[topic].id

    def append(self, topic: str, partition: int, records: Iterable[FakeRecord | None]) -> None:
        """Write records (None: an offset without one) and wake who waits for them."""
        with self.changed:
            self.topics[topic].logs[partition].extend(records)
            self.changed.notify_all()

    def leave_gap(self, topic: str, partition: int) -> None:
        """Two offsets without a record, as an aborted transaction and its marker leave."""
        self.append(topic, partition, [None, None])

    def hang(self, topic: str, partition: int) -> None:
        """Begin a transaction that nobody ends: what is written from now on is not stable."""
        held = self.topics[topic]
        held.stands_at[partition] = len(held.logs[partition])

    def decide(self, topic: str, partition: int) -> None:
        """End it: everything is stable."""
        with self.changed:
            del self.topics[topic].stands_at[partition]
            self.changed.notify_all()

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Let retention take everything before the offset."""
        self.topics[topic].first[partition] = offset

    def reader(self) -> "FakeReader":
        """A reader of this broker."""
        return FakeReader(self)

    def topic(self, name: str) -> FakeTopic:
        """The topic, if the broker is up and has it."""
        if not self.is_up:
            raise UnreachableError("Kafka", "memory", "stopped", "start it")
        if name not in self.topics:
            raise TopicMissingError(name)
        return self.topics[name]


class FakeReader:
    """A RecordReader over a FakeKafka; `rows_per_chunk` makes several tables of one partition."""

    def __init__(self, kafka: FakeKafka, rows_per_chunk: int = 1000) -> None:
        self.kafka, self.rows_per_chunk = kafka, rows_per_chunk

    def offsets(self, topics: Iterable[str]) -> dict[str, list[PartitionOffsets]]:
        """See RecordReader."""
        return {name: self._offsets(self.kafka.topic(name)) for name in topics}

    def fetch(
        self,
        topic: str,
        ranges: Sequence[OffsetRange],
        chunk_bytes: int = CHUNK_BYTES,
        gaps: Counter[Gap] | None = None,
    ) -> Iterator[pa.Table]:
        """See RecordReader; `chunk_bytes` does not matter here."""
        for planned in ranges:
            if planned.start < planned.end:
                yield from self._read(topic, planned)
                log = self._held(topic, planned).logs[planned.partition]
                if gaps is not None:
                    gaps[Gap.MISSING] += log[planned.start : planned.end].count(None)
        for planned in ranges:
            self._held(topic, planned)

    def wait_for_data(self, positions: Mapping[str, Mapping[int, int]], timeout: float) -> bool:
        """See RecordReader."""

        def news() -> bool:
            topics = {name: self.kafka.topic(name) for name in positions}
            ends = {name: {p.partition: p.stable_end for p in self._offsets(topic)} for name, topic in topics.items()}
            return any(ends[name][p] > at for name, parts in positions.items() for p, at in parts.items())

        with self.kafka.changed:
            return self.kafka.changed.wait_for(news, timeout)

    def _read(self, topic: str, planned: OffsetRange) -> Iterator[pa.Table]:
        held = self._held(topic, planned)
        first, end = held.first[planned.partition], len(held.logs[planned.partition])
        if planned.start < first or planned.end > end:
            raise OffsetsLostError(topic, planned.partition, planned.start, (first, end))
        rows = [
            _row(planned.partition, offset, record)
            for offset, record in enumerate(held.logs[planned.partition][: planned.end])
            if record is not None and offset >= planned.start
        ]
        for at in range(0, len(rows), self.rows_per_chunk):
            yield pa.Table.from_pylist(rows[at : at + self.rows_per_chunk], RECORDS_SCHEMA)

    def _held(self, topic: str, planned: OffsetRange) -> FakeTopic:
        held = self.kafka.topic(topic)
        if held.id != planned.topic_id:
            raise TopicChangedError(topic, str(planned.topic_id), str(held.id))
        return held

    @staticmethod
    def _offsets(topic: FakeTopic) -> list[PartitionOffsets]:
        return [
            PartitionOffsets(
                topic_id=topic.id,
                partition=number,
                first=topic.first[number],
                stable_end=topic.stands_at.get(number, len(log)),
                end=len(log),
            )
            for number, log in enumerate(topic.logs)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def _row(partition: int, offset: int, record: FakeRecord) -> dict[str, object]:
    headers = [{"key": key, "value": value} for key, value in record.headers]
    at = record.at_ms * 1000
    coordinates = {"partition": partition, "offset": offset, "broker_at": at}
    return {**coordinates, "key": record.key, "value": record.value, "headers": headers}
