"""The RecordReader over a real broker: raw fetches, one ahead of the decoder, and batches decoded to Arrow in bulk."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import pyarrow as pa
from kafka import errors

from analytics_platform.errors import OldFormatError, UnreachableError
from analytics_platform.facts import OffsetRange, PartitionOffsets
from analytics_platform.ingest.kafka.client import CONNECT_SECONDS, RETRY_SECONDS, Client
from analytics_platform.ingest.kafka.offsets import stable_offsets_of
from analytics_platform.ingest.kafka.plain import one_by_one
from analytics_platform.ingest.kafka.reading import (
    Partition,
    Portion,
    Reading,
    Topic,
    fetch_request,
    require_offsets,
    wanted_partition,
)
from analytics_platform.ingest.record_batch import decode_chunks
from analytics_platform.ingest.records import CHUNK_BYTES, Gap
from analytics_platform.security.acl import Grant, Operation, topic_named
from analytics_platform.security.cluster import Cluster

PATIENCE_SECONDS = 30.0  # a killed broker that starts again is fenced for 9 s before it may lead: 16 s measured
# A long poll keeps its connection busy, so with several leaders none may hold up the others' next request.
POLL_SECONDS, SHARED_POLL_SECONDS = 5.0, 0.5


class KafkaReader:
    """The RecordReader for production; owns one client with one background thread (create it after a fork)."""

    def __init__(
        self,
        cluster: Cluster | str,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        configuration: Mapping[str, Any] | None = None,
    ) -> None:
        self.patience_seconds = patience_seconds
        self._client = Client(cluster, configuration)
        self._portion = Portion()

    def offsets(self, topics: Iterable[str]) -> dict[str, list[PartitionOffsets]]:
        """What is stable now, by topic, in partition order; see `stable_offsets_of`."""
        with self._client.used():
            return stable_offsets_of(self._client, topics)

    def fetch(
        self,
        topic: str,
        ranges: Sequence[OffsetRange],
        chunk_bytes: int = CHUNK_BYTES,
        gaps: Counter[Gap] | None = None,
    ) -> Iterator[pa.Table]:
        """The records of the ranges; see RecordReader. Goes on over broker restarts and moved leaders.

        From the first message of an old format on, records are read one by one. Raises UnreachableError when no
        range has moved for the reader's patience.
        """
        gaps = Counter() if gaps is None else gaps
        with self._client.used():
            reading = Reading(self._client, topic, ranges, self.patience_seconds, self._portion)
            try:
                yield from _in_bulk(reading, chunk_bytes, gaps)
            except OldFormatError:
                rest = Reading(self._client, topic, reading.left(), self.patience_seconds)
                yield from one_by_one(self._client, rest, chunk_bytes, gaps)

    def wait_for_data(self, positions: Mapping[str, Mapping[int, int]], timeout: float) -> bool:
        """Wait until an offset at or after one of the positions is stable; False after `timeout` seconds.

        The broker does the waiting (a long poll). One that does not answer counts as one without news, and may
        take CONNECT_SECONDS longer.
        """
        deadline = time.monotonic() + timeout
        with self._client.used(timeout + CONNECT_SECONDS):
            while (left := deadline - time.monotonic()) > 0:
                try:
                    if _poll(self._client, positions, left):
                        return True
                except UnreachableError:
                    self._client.disconnect()
                    self._client.pause(min(left, RETRY_SECONDS))
        return False

    def close(self) -> None:
        """Close the client; the reader cannot be used again."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PlainReader(KafkaReader):
    """Reads everything one by one; the oracle for the other: nothing but kafka-python decodes the records."""

    def fetch(
        self,
        topic: str,
        ranges: Sequence[OffsetRange],
        chunk_bytes: int = CHUNK_BYTES,
        gaps: Counter[Gap] | None = None,
    ) -> Iterator[pa.Table]:
        """The records of the ranges; see RecordReader."""
        with self._client.used():
            reading = Reading(self._client, topic, ranges, self.patience_seconds)
            yield from one_by_one(self._client, reading, chunk_bytes, Counter() if gaps is None else gaps)


def _in_bulk(reading: Reading, chunk_bytes: int, gaps: Counter[Gap]) -> Iterator[pa.Table]:
    answers = reading.ask()
    while answers is not None:
        parts = reading.receive(answers)
        answers = reading.ask()  # under way while this is decoded
        for part in parts:
            yield from decode_chunks(part, chunk_bytes, gaps)
            reading.handed_on(part)
    reading.confirm()


def _poll(client: Client, positions: Mapping[str, Mapping[int, int]], seconds: float) -> bool:
    layouts = client.topics(positions)
    by_node: dict[int, dict[str, list[Partition]]] = {}
    for name, partitions in positions.items():
        for number, position in partitions.items():
            node = layouts[name].leaders.get(number, -1)
            by_node.setdefault(node, {}).setdefault(name, []).append(wanted_partition(number, position, 1))
    wait = min(seconds, POLL_SECONDS if len(by_node) == 1 else SHARED_POLL_SECONDS)
    answers = []
    for node, topics in by_node.items():
        if node < 0:
            raise client.unreachable("a partition has no leader")
        wanted = [Topic(topic=name, partitions=partitions) for name, partitions in topics.items()]
        answers.append(client.send(fetch_request(wanted, int(wait * 1000), 1), node, seconds=wait + CONNECT_SECONDS))
    responses = [answer.wait(wait + CONNECT_SECONDS) for answer in answers]
    return any(_has_news(client, t, p, positions) for r in responses for t in r.responses for p in t.partitions)


def _has_news(client: Client, topic: Any, answered: Any, positions: Mapping[str, Mapping[int, int]]) -> bool:
    if errors.for_code(answered.error_code) is errors.OffsetOutOfRangeError:
        known = positions[topic.topic]
        require_offsets(client, topic.topic, known, known)
    client.check(answered.error_code, Grant(Operation.READ, topic_named(topic.topic)))
    return bool(answered.records)
