"""Sends record batches in bulk: raw ProduceRequests to the leaders, exactly once per batch."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Self

from kafka import errors
from kafka.protocol.producer import InitProducerIdRequest, ProduceRequest

from analytics_platform.errors import PlatformError, ProduceRefusedError, TopicMissingError, UnreachableError
from analytics_platform.ingest.encode_batch import ProducerId, RecordBlock, seal
from analytics_platform.ingest.kafka.client import CONNECT_SECONDS, Answer, Client
from analytics_platform.ingest.kafka.offsets import stable_offsets_of
from analytics_platform.security.acl import Grant, Operation, topic_named
from analytics_platform.security.cluster import Cluster

Place = tuple[str, int]  # topic and partition

ALL_REPLICAS = -1
ACKNOWLEDGE_SECONDS = 30.0
NAMED_TOPICS = 12  # later versions of ProduceRequest name topics by id

TopicData = ProduceRequest.TopicProduceData
PartitionData = TopicData.PartitionProduceData


class BulkProducer:
    """An idempotent producer; owns one connection, to be used from one thread at a time.

    One batch per partition is under way at any time. A batch without an answer is sent again, byte for byte: a
    broker that already has its producer id and sequence answers with the offset it gave it.
    """

    def __init__(self, cluster: Cluster | str, *, patience_seconds: float = 60.0) -> None:
        self.patience_seconds = patience_seconds
        self._client = Client(cluster)
        self._id: ProducerId | None = None
        self._sequences: dict[Place, int] = {}
        self._leaders: dict[Place, int] = {}

    def ends(self, topics: Iterable[str]) -> dict[Place, int]:
        """The offset that the next record of each partition gets, if nobody else writes."""
        found = self._client.patiently(lambda: stable_offsets_of(self._client, topics), self.patience_seconds)
        return {(topic, here.partition): here.stable_end for topic, partitions in found.items() for here in partitions}

    def send(self, blocks: Mapping[Place, Sequence[RecordBlock]]) -> dict[Place, int]:
        """Deliver all blocks, in order within a partition; returns the offset of each partition's first record.

        Raises UnreachableError when a batch stays unacknowledged for `patience_seconds`: it may be on the topic or
        not. Raises ProduceRefusedError when the broker will never take it, AclMissingError when no ACL lets us write.
        Whichever it is, this producer is closed.
        """
        first: dict[Place, int] = {}
        for row in zip_longest(*blocks.values()):
            now = {place: block for place, block in zip(blocks, row, strict=True) if block is not None}
            batches = {place: seal(block, self._producer(place[0]), self._next(place)) for place, block in now.items()}
            for place, offset in self._deliver(batches).items():
                first.setdefault(place, offset)
                self._sequences[place] = self._next(place) + now[place].records
        return first

    def close(self) -> None:
        """Close the connection; ends a `send` that is waiting, with UnreachableError."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next(self, place: Place) -> int:
        return self._sequences.get(place, 0)

    def _producer(self, topic: str) -> ProducerId:
        if self._id is None:
            self._id = self._client.patiently(lambda: self._register(topic), self.patience_seconds)
        return self._id

    def _register(self, topic: str) -> ProducerId:
        request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000, max_version=4)
        response = self._client.send(request).wait(CONNECT_SECONDS)
        self._client.check(response.error_code, _write_to(topic))  # whoever may write to some topic gets an id
        return ProducerId(id=response.producer_id, epoch=response.producer_epoch)

    def _deliver(self, batches: Mapping[Place, bytes]) -> dict[Place, int]:
        """Send until every batch is acknowledged; returns their offsets."""
        waiting, offsets = dict(batches), {}

        def attempt() -> None:
            try:
                for answer in self._send(waiting):
                    for place, offset in self._acknowledged(answer).items():
                        offsets[place] = offset
                        del waiting[place]
            except TopicMissingError as error:  # a broker that has just started may not know it yet
                raise self._client.unreachable(str(error)) from error
            except UnreachableError:
                self._leaders.clear()
                raise
            if waiting:
                raise self._client.unreachable(f"{sorted(waiting)} not acknowledged")

        try:
            self._client.patiently(attempt, self.patience_seconds)
        except PlatformError:
            self.close()  # their sequence may be taken: other records under the same number would vanish silently
            raise
        return offsets

    def _send(self, batches: Mapping[Place, bytes]) -> list[Answer]:
        by_node: dict[int, dict[str, list[Any]]] = {}
        for (topic, partition), records in batches.items():
            data = PartitionData(index=partition, records=records)
            by_node.setdefault(self._leader(topic, partition), {}).setdefault(topic, []).append(data)
        return [
            self._client.send(_request(by_topic), node, seconds=ACKNOWLEDGE_SECONDS)
            for node, by_topic in by_node.items()
        ]

    def _leader(self, topic: str, partition: int) -> int:
        if (topic, partition) not in self._leaders:
            layout = self._client.topics([topic])[topic]
            self._leaders |= {(topic, number): node for number, node in layout.leaders.items()}
        node = self._leaders.get((topic, partition), -1)
        if node < 0:
            raise self._client.unreachable(f"{topic}-{partition} has no leader")
        return node

    def _acknowledged(self, answer: Answer) -> dict[Place, int]:
        """The offsets that were given; batches whose error may pass are left out."""
        offsets = {}
        for topic in answer.wait(ACKNOWLEDGE_SECONDS).responses:
            for partition in topic.partition_responses:
                error = errors.for_code(partition.error_code)
                if error is errors.NoError:
                    offsets[topic.name, partition.index] = partition.base_offset
                elif issubclass(error, errors.AuthorizationError):
                    self._client.check(partition.error_code, _write_to(topic.name))
                elif not issubclass(error, errors.RetriableError):
                    raise ProduceRefusedError(topic.name, partition.index, error.__name__)
                else:
                    self._leaders.pop((topic.name, partition.index), None)
        return offsets


def _write_to(topic: str) -> Grant:
    return Grant(Operation.WRITE, topic_named(topic))


def _request(by_topic: Mapping[str, list[Any]]) -> ProduceRequest:
    return ProduceRequest(
        transactional_id=None,
        acks=ALL_REPLICAS,
        timeout_ms=int(ACKNOWLEDGE_SECONDS * 1000),
        topic_data=[TopicData(name=name, partition_data=data) for name, data in by_topic.items()],
        min_version=3,
        max_version=NAMED_TOPICS,
    )
