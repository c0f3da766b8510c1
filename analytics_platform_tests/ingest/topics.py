"""Topics on a real broker, written by the stock client, with the same methods as FakeKafka."""

import threading
import time
from collections.abc import Callable, Iterable
from uuid import uuid4

from confluent_kafka import IsolationLevel, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform_tests.fakes import FakeRecord

PATIENCE_SECONDS = 1.5


def wait_until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Ask ten times a second, for ten seconds at most."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.1)


class KafkaTopics:
    """Creates, writes and deletes topics, and opens a reader of the given kind."""

    def __init__(self, bootstrap: str, kind: type[KafkaReader]) -> None:
        self.bootstrap, self.kind = bootstrap, kind
        self._config = {"bootstrap.servers": bootstrap, "log_level": 0}
        self.admin = AdminClient(self._config)

    def create(self, topic: str, partitions: int = 1, **config: str) -> None:
        """A new, empty topic; one of that name that exists is deleted first."""
        # the records' times are long ago, so that retention by time would take them away at any moment
        names = {"retention.ms": "-1"} | {name.replace("_", "."): value for name, value in config.items()}
        if topic in self._topics():
            self.admin.delete_topics([topic])[topic].result()
            wait_until(lambda: topic not in self._topics())
        self.admin.create_topics([NewTopic(topic, partitions, 1, config=names)])[topic].result()
        wait_until(lambda: topic in self._topics())

    def append(self, topic: str, partition: int, records: Iterable[FakeRecord], **config: object) -> None:
        """Write the records with the stock producer and wait for the broker's answer."""
        producer = self.producer(**config)
        self.produce(producer, topic, partition, records)
        assert not producer.flush(30), "not everything was acknowledged"

    def clean_often(self) -> None:
        """Let the broker's cleaner look for work ten times a second instead of every 15 s."""
        entry = ConfigEntry("log.cleaner.backoff.ms", "100", incremental_operation=AlterConfigOpType.SET)
        (node,) = self.admin.list_topics(timeout=10).brokers
        resource = ConfigResource(ResourceType.BROKER, str(node), incremental_configs=[entry])
        self.admin.incremental_alter_configs([resource])[resource].result()

    def leave_gap(self, topic: str, partition: int) -> None:
        """Offsets without a record: an aborted transaction and its marker."""
        producer = self.producer(transactional_id=uuid4().hex)
        producer.init_transactions(10)
        producer.begin_transaction()
        self.produce(producer, topic, partition, [FakeRecord(value=b"aborted")])
        producer.flush(10)
        producer.abort_transaction(10)
        self.wait_until_decided(topic, partition)

    def wait_until_decided(self, topic: str, partition: int) -> None:
        """Until no transaction is open there: its marker comes after the client's answer."""
        wait_until(lambda: self._end(topic, partition, committed=True) == self._end(topic, partition, committed=False))

    def leader(self, topic: str, partition: int = 0) -> int:
        """The node that leads a partition; -1 for none, or while nobody answers."""
        try:
            return self.admin.list_topics(topic, timeout=10).topics[topic].partitions[partition].leader
        except (KafkaException, KeyError):  # a new partition's number is not known everywhere at once
            return -1

    def wait_for_leaders(self, topic: str, partitions: int) -> None:
        """Until so many partitions can be written."""
        wait_until(lambda: all(self.leader(topic, number) >= 0 for number in range(partitions)))

    def _end(self, topic: str, partition: int, *, committed: bool) -> int:
        """Behind the last record that is decided, or that is written; the marker comes after the client's answer."""
        place = TopicPartition(topic, partition)
        level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        return self.admin.list_offsets({place: OffsetSpec.latest()}, isolation_level=level)[place].result().offset

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Let the broker forget everything before the offset."""
        place = TopicPartition(topic, partition, offset)
        self.admin.delete_records([place])[place].result()

    def reader(self) -> KafkaReader:
        """A reader with little patience."""
        return self.kind(self.bootstrap, patience_seconds=PATIENCE_SECONDS)

    def producer(self, **config: object) -> Producer:
        """A stock producer; `compression_type="lz4"` becomes compression.type."""
        return Producer(
            self._config
            | {
                "message.max.bytes": 4_000_000,
                "linger.ms": 5,
                "enable.idempotence": True,
            }  # keeps the order over retries
            | {name.replace("_", "."): value for name, value in config.items()}
        )

    def _topics(self) -> set[str]:
        """The topics that the broker knows; the controller may be a moment ahead of it."""
        return set(self.admin.list_topics(timeout=10).topics)

    @staticmethod
    def produce(producer: Producer, topic: str, partition: int, records: Iterable[FakeRecord]) -> None:
        """Hand the records to a producer."""
        for record in records:
            producer.produce(
                topic,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                partition=partition,
                timestamp=record.at_ms,
            )
            producer.poll(0)
