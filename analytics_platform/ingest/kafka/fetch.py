"""Reads topics in bulk: raw fetches, one ahead of the decoder, and record batches decoded to Arrow.

The fetch protocol names topics by name (version 12 is the client's last), so the topic's id is compared whenever
the layout is read, and once more behind the last fetch.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import pyarrow as pa
from kafka import errors
from kafka.protocol.consumer import FetchRequest

from analytics_platform.errors import OffsetsLostError, TopicChangedError, UnreachableError
from analytics_platform.facts import OffsetRange, PartitionOffsets
from analytics_platform.ingest.kafka.client import CONNECT_SECONDS, RETRY_SECONDS, Answer, Client, TopicLayout
from analytics_platform.ingest.kafka.offsets import READ_COMMITTED, stable_offsets, stable_offsets_of
from analytics_platform.ingest.record_batch import FetchedBytes, decode_batches, decode_chunks, next_offset
from analytics_platform.ingest.records import CHUNK_BYTES

PATIENCE_SECONDS = 30.0  # a killed broker that starts again is fenced for 9 s before it may lead: 16 s measured
ANSWER_SECONDS = 30.0  # a whole response over a slow line
RESPONSE_BYTES, PARTITION_BYTES = 32 << 20, 16 << 20
# A short range in a long log should not transfer megabytes; a batch is always returned whole, however small this is.
LEAST_BYTES, BYTES_PER_OFFSET = 64 << 10, 1 << 10
FETCH_WAIT_MS = 500
# A long poll keeps its connection busy, so with several leaders none may hold up the others' next request.
POLL_SECONDS, SHARED_POLL_SECONDS = 5.0, 0.5

Topic = FetchRequest.FetchTopic
Partition = Topic.FetchPartition


class KafkaReader:
    """The RecordReader for production; owns one client with one background thread (create it after a fork)."""

    def __init__(
        self,
        bootstrap: str,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        configuration: Mapping[str, Any] | None = None,
    ) -> None:
        self.patience_seconds = patience_seconds
        self._client = Client(bootstrap, configuration)

    def offsets(self, topics: Iterable[str]) -> dict[str, list[PartitionOffsets]]:
        """What is stable now, by topic, in partition order; see `stable_offsets_of`."""
        return stable_offsets_of(self._client, topics)

    def fetch(self, topic: str, ranges: Sequence[OffsetRange], chunk_bytes: int = CHUNK_BYTES) -> Iterator[pa.Table]:
        """The records of the ranges; see RecordReader. Goes on over broker restarts and moved leaders.

        Raises UnreachableError when no range has moved for the reader's patience.
        """
        reading = Reading(self._client, topic, ranges, self.patience_seconds)
        answers = reading.ask()
        while answers is not None:
            parts = reading.receive(answers)
            answers = reading.ask()  # under way while this is decoded
            for part in parts:
                yield from decode_chunks(part, chunk_bytes)
        reading.confirm()

    def wait_for_data(self, positions: Mapping[str, Mapping[int, int]], timeout: float) -> bool:
        """Wait until an offset at or after one of the positions is stable; False after `timeout` seconds.

        The broker does the waiting (a long poll). One that does not answer counts as one without news, and may
        take CONNECT_SECONDS longer.
        """
        deadline = time.monotonic() + timeout
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


class Reading:
    """The ranges of one fetch, how far each has been read, and what stands in the way."""

    def __init__(self, client: Client, topic: str, ranges: Sequence[OffsetRange], patience_seconds: float) -> None:
        self._client, self._topic, self._ranges = client, topic, tuple(ranges)
        self._patience_seconds = patience_seconds
        self.ends = {r.partition: r.end for r in ranges}
        self.positions = {r.partition: r.start for r in ranges if r.start < r.end}
        self._layout: TopicLayout | None = None
        self._stalled_at: float | None = None
        self._trouble = UnreachableError("Kafka", client.bootstrap, "no data", "look at the broker's log")

    def ask(self) -> list[Answer] | None:
        """Send the next fetch to each leader; None when every range is read."""
        if not self.positions:
            return None
        try:
            if self._layout is None:
                self._layout = self._read_layout()
            by_node: dict[int, list[int]] = {}
            for partition in self.positions:
                by_node.setdefault(self._layout.leaders.get(partition, -1), []).append(partition)
            return [self._client.send(self._request(by_node[n]), n, seconds=ANSWER_SECONDS) for n in by_node if n >= 0]
        except UnreachableError as error:
            self._failed(error)
            return []

    def receive(self, answers: list[Answer]) -> list[FetchedBytes]:
        """What the answers brought; empty after trouble that may pass."""
        found: list[FetchedBytes] = []
        for answer in answers:
            try:
                response = answer.wait(ANSWER_SECONDS)
                for partition in (p for t in response.responses for p in t.partitions):
                    found.extend(self._take(partition))
            except UnreachableError as error:
                self._failed(error)
        if found:
            self._stalled_at = None
        else:
            self._wait(pause=not answers or self._layout is None)
        return found

    def confirm(self) -> None:
        """Raise TopicChangedError if the topic is not the one that the ranges were planned on."""
        self._client.patiently(self._read_layout, self._patience_seconds)

    def explain(self, partitions: Sequence[int]) -> None:
        """Raise TopicChangedError or OffsetsLostError if that is why these partitions cannot be read."""
        self._read_layout()
        require_offsets(self._client, self._topic, {p: self.positions[p] for p in partitions}, self.ends)

    def moved(self, partition: int, position: int) -> None:
        """Note how far a range has been read."""
        self.positions[partition] = position
        if position >= self.ends[partition]:
            del self.positions[partition]

    def _read_layout(self) -> TopicLayout:
        layout = self._client.topics([self._topic])[self._topic]
        require_topic(self._topic, self._ranges, layout)
        return layout

    def _take(self, answered: Any) -> Iterator[FetchedBytes]:
        number = answered.partition_index
        error = errors.for_code(answered.error_code)
        if error is errors.OffsetOutOfRangeError:
            self.explain([number])
        if error is errors.UnknownTopicOrPartitionError:
            self._layout = None  # moved elsewhere, or gone: the metadata knows
            return
        self._client.check(answered.error_code, self._topic)
        start = self.positions[number]
        raw = bytes(answered.records or b"")
        aborted = tuple((a.producer_id, a.first_offset) for a in answered.aborted_transactions or ())
        part = FetchedBytes(
            topic=self._topic, partition=number, start=start, end=self.ends[number], raw=raw, aborted=aborted
        )
        position = next_offset(raw, start)
        if position > start:
            self.moved(number, position)
            yield part
        else:
            decode_batches(part)  # raises if these bytes will never be a batch

    def _failed(self, error: UnreachableError) -> None:
        self._trouble, self._layout = error, None
        self._client.disconnect()

    def _wait(self, *, pause: bool) -> None:
        now = time.monotonic()
        self._stalled_at = self._stalled_at or now
        if now - self._stalled_at > self._patience_seconds:
            self.explain(list(self.positions))
            raise self._trouble
        if pause:
            self._client.pause(RETRY_SECONDS)

    def _request(self, partitions: Sequence[int]) -> FetchRequest:
        sizes = {p: LEAST_BYTES + BYTES_PER_OFFSET * (self.ends[p] - self.positions[p]) for p in partitions}
        wanted = [_partition(p, self.positions[p], min(PARTITION_BYTES, sizes[p])) for p in partitions]
        return _fetch_request([Topic(topic=self._topic, partitions=wanted)], FETCH_WAIT_MS, RESPONSE_BYTES)


def require_topic(topic: str, ranges: Iterable[OffsetRange], layout: TopicLayout) -> None:
    """Raise TopicChangedError unless every range was planned on this very topic."""
    for planned in ranges:
        if planned.topic_id != layout.id:
            raise TopicChangedError(topic, str(planned.topic_id), str(layout.id))


def require_offsets(client: Client, topic: str, positions: Mapping[int, int], ends: Mapping[int, int]) -> None:
    """Raise OffsetsLostError if the broker does not hold what is still to be read."""
    for held in stable_offsets(client, topic):
        position = positions.get(held.partition)
        if position is not None and not held.first <= position <= ends[held.partition] <= held.stable_end:
            raise OffsetsLostError(topic, held.partition, position, (held.first, held.stable_end))


def _poll(client: Client, positions: Mapping[str, Mapping[int, int]], seconds: float) -> bool:
    layouts = client.topics(positions)
    by_node: dict[int, dict[str, list[Partition]]] = {}
    for name, partitions in positions.items():
        for number, position in partitions.items():
            node = layouts[name].leaders.get(number, -1)
            by_node.setdefault(node, {}).setdefault(name, []).append(_partition(number, position, 1))
    wait = min(seconds, POLL_SECONDS if len(by_node) == 1 else SHARED_POLL_SECONDS)
    answers = []
    for node, topics in by_node.items():
        if node < 0:
            raise client.unreachable("a partition has no leader")
        wanted = [Topic(topic=name, partitions=partitions) for name, partitions in topics.items()]
        answers.append(client.send(_fetch_request(wanted, int(wait * 1000), 1), node, seconds=wait + CONNECT_SECONDS))
    responses = [answer.wait(wait + CONNECT_SECONDS) for answer in answers]
    return any(_has_news(client, t, p, positions) for r in responses for t in r.responses for p in t.partitions)


def _has_news(client: Client, topic: Any, answered: Any, positions: Mapping[str, Mapping[int, int]]) -> bool:
    if errors.for_code(answered.error_code) is errors.OffsetOutOfRangeError:
        known = positions[topic.topic]
        require_offsets(client, topic.topic, known, known)
    client.check(answered.error_code, topic.topic)
    return bool(answered.records)


def _partition(number: int, position: int, most_bytes: int) -> Partition:
    return Partition(
        partition=number,
        current_leader_epoch=-1,
        fetch_offset=position,
        last_fetched_epoch=-1,
        log_start_offset=-1,
        partition_max_bytes=most_bytes,
    )


def _fetch_request(topics: list[Topic], wait_ms: int, most_bytes: int) -> FetchRequest:
    return FetchRequest(
        max_wait_ms=wait_ms,
        min_bytes=1,
        max_bytes=most_bytes,
        isolation_level=READ_COMMITTED,
        session_id=0,
        session_epoch=-1,
        rack_id="",
        forgotten_topics_data=[],
        topics=topics,
        max_version=12,
    )
