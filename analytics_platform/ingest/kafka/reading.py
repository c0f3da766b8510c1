"""Reads ranges of one topic as raw record batches, over restarts, moved leaders and slow lines.

The fetch protocol names topics by name (version 12 is the client's last), so the topic's id is compared whenever
the layout is read, and once more behind the last fetch.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kafka import errors
from kafka.protocol.consumer import FetchRequest

from analytics_platform.errors import OffsetsLostError, TopicChangedError, UnreachableError
from analytics_platform.facts import OffsetRange
from analytics_platform.ingest.kafka.client import RETRY_SECONDS, Answer, Client, TopicLayout
from analytics_platform.ingest.kafka.offsets import READ_COMMITTED, stable_offsets
from analytics_platform.ingest.record_batch import FetchedBytes, decode_batches, next_offset
from analytics_platform.security.acl import Grant, Operation, topic_named

ANSWER_SECONDS = 10.0  # a whole response over a slow line; after one that took longer less is asked for
PARTITION_BYTES = 16 << 20
# A short range in a long log should not transfer megabytes; a batch is always returned whole, however small this is.
LEAST_BYTES, BYTES_PER_OFFSET = 64 << 10, 1 << 10
FETCH_WAIT_MS = 500

Topic = FetchRequest.FetchTopic
Partition = Topic.FetchPartition


class Portion:
    """How much is asked of a partition at once: less after an answer that did not come in time, then more again."""

    def __init__(self) -> None:
        self.bytes = PARTITION_BYTES

    def arrived(self) -> None:
        """An answer came."""
        self.bytes = min(PARTITION_BYTES, 2 * self.bytes)

    def failed(self) -> None:
        """None came: the line may be slow."""
        self.bytes = max(LEAST_BYTES, self.bytes // 16)


class Reading:
    """The ranges of one fetch, how far each has been read, and what stands in the way."""

    def __init__(
        self,
        client: Client,
        topic: str,
        ranges: Sequence[OffsetRange],
        patience_seconds: float,
        portion: Portion | None = None,
    ) -> None:
        self._client, self.topic, self._ranges = client, topic, tuple(ranges)
        self.patience_seconds = patience_seconds
        self._portion = portion or Portion()
        self.ends = {r.partition: r.end for r in ranges}
        self.positions = {r.partition: r.start for r in ranges if r.start < r.end}
        self._handed_on = dict(self.positions)
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
            self._portion.arrived()
        else:
            self._wait(pause=not answers or self._layout is None)
        return found

    def confirm(self) -> None:
        """Raise TopicChangedError if the topic is not the one that the ranges were planned on."""
        self._client.patiently(self._read_layout, self.patience_seconds)

    def explain(self, partitions: Sequence[int]) -> None:
        """Raise TopicChangedError or OffsetsLostError if that is why these partitions cannot be read."""
        self._read_layout()
        require_offsets(self._client, self.topic, {p: self.positions[p] for p in partitions}, self.ends)

    def give_up(self) -> None:
        """Raise what stands in the way."""
        self.explain(list(self.positions))
        raise self._trouble

    def handed_on(self, part: FetchedBytes) -> None:
        """Note that the caller has everything of that part."""
        self._handed_on[part.partition] = next_offset(part.raw, part.start)

    def left(self) -> list[OffsetRange]:
        """What the caller does not have yet, whatever has been received."""
        starts = {number: min(at, self.ends[number]) for number, at in self._handed_on.items()}
        return [replace(r, start=starts.get(r.partition, r.end)) for r in self._ranges]

    def moved(self, partition: int, position: int) -> None:
        """Note how far a range has been read."""
        self.positions[partition] = position
        if position >= self.ends[partition]:
            del self.positions[partition]

    def _read_layout(self) -> TopicLayout:
        layout = self._client.topics([self.topic])[self.topic]
        require_topic(self.topic, self._ranges, layout)
        return layout

    def _take(self, answered: Any) -> Iterator[FetchedBytes]:
        number = answered.partition_index
        error = errors.for_code(answered.error_code)
        if error is errors.OffsetOutOfRangeError:
            self.explain([number])
        if error is errors.UnknownTopicOrPartitionError:
            self._layout = None  # moved elsewhere, or gone: the metadata knows
            return
        self._client.check(answered.error_code, Grant(Operation.READ, topic_named(self.topic)))
        start = self.positions[number]
        raw = bytes(answered.records or b"")
        aborted = tuple((a.producer_id, a.first_offset) for a in answered.aborted_transactions or ())
        part = FetchedBytes(
            topic=self.topic, partition=number, start=start, end=self.ends[number], raw=raw, aborted=aborted
        )
        position = next_offset(raw, start)
        if position > start:
            self.moved(number, position)
            yield part
        else:
            decode_batches(part)  # raises if these bytes will never be a batch

    def _failed(self, error: UnreachableError) -> None:
        self._trouble, self._layout = error, None
        self._portion.failed()
        self._client.disconnect()

    def _wait(self, *, pause: bool) -> None:
        now = time.monotonic()
        self._stalled_at = self._stalled_at or now
        if now - self._stalled_at > self.patience_seconds:
            self.give_up()
        if pause:
            self._client.pause(RETRY_SECONDS)

    def _request(self, partitions: Sequence[int]) -> FetchRequest:
        sizes = {p: LEAST_BYTES + BYTES_PER_OFFSET * (self.ends[p] - self.positions[p]) for p in partitions}
        wanted = [wanted_partition(p, self.positions[p], min(self._portion.bytes, sizes[p])) for p in partitions]
        return fetch_request([Topic(topic=self.topic, partitions=wanted)], FETCH_WAIT_MS, 2 * self._portion.bytes)


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


def wanted_partition(number: int, position: int, most_bytes: int) -> Partition:
    """What is asked of one partition."""
    return Partition(
        partition=number,
        current_leader_epoch=-1,
        fetch_offset=position,
        last_fetched_epoch=-1,
        log_start_offset=-1,
        partition_max_bytes=most_bytes,
    )


def fetch_request(topics: list[Topic], wait_ms: int, most_bytes: int) -> FetchRequest:
    """A raw fetch of committed records, outside of fetch sessions."""
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
