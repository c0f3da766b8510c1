"""The bulk producer against a real broker: nothing lost, nothing twice, also when the broker dies."""

import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analytics_platform.errors import DeclarationError, ProduceRefusedError, UnreachableError
from analytics_platform.facts import OffsetRange
from analytics_platform.ingest.encode_batch import RecordBlock, RecordColumns, encode_blocks
from analytics_platform.ingest.kafka.admin import ensure_topics
from analytics_platform.ingest.kafka.client import Answer
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.ingest.kafka.produce import BulkProducer, Place
from analytics_platform.local.process import launch, stop, wait_ready
from analytics_platform.settings import read_settings
from analytics_platform_tests.brokers import Kafka, running_kafka

START_SECONDS = 120.0  # 10 s on an idle machine: a controller lets a dead broker's session expire first


def blocks_of(values: list[bytes], *, limit_bytes: int = 1_000_000, at_ms: int | None = None) -> list[RecordBlock]:
    columns = RecordColumns(
        keys=pa.array([b"key"] * len(values), pa.binary()),
        values=pa.array(values, pa.binary()),
        timestamps=np.full(len(values), at_ms or time.time_ns() // 1_000_000, np.int64),
    )
    return encode_blocks(columns, limit_bytes=limit_bytes)


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(start, start + count)]


def read_values(bootstrap: str, topic: str) -> dict[int, list[bytes]]:
    """Everything on the topic, by partition, in order of offset."""
    with KafkaReader(bootstrap) as reader:
        here = reader.offsets([topic])[topic]
        ranges = [OffsetRange(topic_id=p.topic_id, partition=p.partition, start=0, end=p.stable_end) for p in here]
        found: dict[int, list[bytes]] = {p.partition: [] for p in here}
        for records in reader.fetch(topic, [r for r in ranges if r.offsets]):
            found[records["partition"][0].as_py()] += records["value"].to_pylist()
    return found


class ForgetfulProducer(BulkProducer):
    """Loses the first answer of each round after the broker has given it."""

    forgot = False

    def _send(self, batches: Mapping[Place, bytes]) -> list[Answer]:
        answers = super()._send(batches)
        self.forgot = not self.forgot
        if self.forgot:
            for answer in answers:
                answer.wait(10)
            raise UnreachableError("Kafka", "here", "the answer was lost", "send again")
        return answers


def test_blocks_arrive_in_order_and_the_offsets_are_returned(kafka: Kafka, topic: Callable[[], str]):
    name = topic()
    ensure_topics(kafka.bootstrap, {name: 2})
    with BulkProducer(kafka.bootstrap) as producer:
        first = producer.send({(name, 0): blocks_of(numbered(500), limit_bytes=2_000), (name, 1): blocks_of([b"x"])})
        second = producer.send({(name, 0): blocks_of(numbered(10, 500))})
        assert producer.ends([name]) == {(name, 0): 510, (name, 1): 1}
    assert (first, second) == ({(name, 0): 0, (name, 1): 0}, {(name, 0): 500})
    assert read_values(kafka.bootstrap, name) == {0: numbered(510), 1: [b"x"]}


def test_a_lost_acknowledgement_duplicates_nothing(kafka: Kafka, topic: Callable[[], str]):
    name = topic()
    ensure_topics(kafka.bootstrap, {name: 1})
    with ForgetfulProducer(kafka.bootstrap) as producer:
        offsets = [producer.send({(name, 0): blocks_of(numbered(5, 5 * i))})[name, 0] for i in range(6)]
    assert offsets == [0, 5, 10, 15, 20, 25]
    assert read_values(kafka.bootstrap, name) == {0: numbered(30)}


def test_two_producers_after_each_other_append(kafka: Kafka, topic: Callable[[], str]):
    name = topic()
    ensure_topics(kafka.bootstrap, {name: 1})
    for start in (0, 3):
        with BulkProducer(kafka.bootstrap) as producer:
            assert producer.send({(name, 0): blocks_of(numbered(3, start))}) == {(name, 0): start}
    assert read_values(kafka.bootstrap, name) == {0: numbered(6)}


def test_records_that_the_broker_will_never_take_are_refused_at_once(kafka: Kafka, topic: Callable[[], str]):
    name = topic()
    ensure_topics(kafka.bootstrap, {name: 1})
    tomorrow_ms = time.time_ns() // 1_000_000 + 86_400_000
    with BulkProducer(kafka.bootstrap) as producer, pytest.raises(ProduceRefusedError) as refused:
        producer.send({(name, 0): blocks_of([b"x"], at_ms=tomorrow_ms)})
    assert (refused.value.topic, refused.value.reason) == (name, "InvalidTimestampError")


def test_a_producer_that_gave_up_sends_nothing_more(kafka: Kafka, topic: Callable[[], str]):
    name = topic()
    ensure_topics(kafka.bootstrap, {name: 1})
    with BulkProducer(kafka.bootstrap, patience_seconds=0.3) as producer:
        with pytest.raises(UnreachableError, match="no-such-topic"):
            producer.send({("no-such-topic", 0): blocks_of([b"x"])})
        with pytest.raises(UnreachableError, match="closed"):
            producer.send({(name, 0): blocks_of([b"x"])})
    assert read_values(kafka.bootstrap, name) == {0: []}


def test_nobody_listening_is_said_with_the_address():
    with BulkProducer("127.0.0.1:9", patience_seconds=0.2) as producer, pytest.raises(UnreachableError, match="127"):
        producer.send({("bids", 0): blocks_of([b"x"])})


def test_a_broker_that_is_killed_and_started_again_has_each_record_once(tmp_path: Path):
    with (
        running_kafka(tmp_path, read_settings().jar_dir) as kafka,
        BulkProducer(kafka.bootstrap, patience_seconds=START_SECONDS) as producer,
    ):
        ensure_topics(kafka.bootstrap, {"killed": 2})
        places = [("killed", 0), ("killed", 1)]
        producer.send({place: blocks_of(numbered(100)) for place in places})
        pid = json.loads(kafka.part.pid_file.read_text())["pid"]
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)  # a child of ours: it is gone for good when this returns
        with ThreadPoolExecutor(1) as thread:
            many = blocks_of(numbered(2_000, 100), limit_bytes=1_000)
            sending = thread.submit(producer.send, dict.fromkeys(places, many))
            again = launch(kafka.part)
            try:
                wait_ready(again, kafka.part, START_SECONDS)
                assert sending.result(timeout=START_SECONDS) == dict.fromkeys(places, 100)
                assert read_values(kafka.bootstrap, "killed") == {0: numbered(2_100), 1: numbered(2_100)}
            finally:
                stop(again, kafka.part, 10)


def test_ensuring_topics_twice_changes_nothing(kafka: Kafka, topic: Callable[[], str]):
    wanted = {topic(): 3, topic(): 1}
    for _ in range(2):
        ensure_topics(kafka.bootstrap, wanted, retention=timedelta(hours=24))
    with KafkaReader(kafka.bootstrap) as reader:
        assert {name: len(found) for name, found in reader.offsets(wanted).items()} == wanted


def test_a_topic_with_another_number_of_partitions_is_refused(kafka: Kafka, topic: Callable[[], str]):
    name = topic()
    ensure_topics(kafka.bootstrap, {name: 1})
    with pytest.raises(DeclarationError, match="declared with 2 partitions, the broker has 1"):
        ensure_topics(kafka.bootstrap, {name: 2})
