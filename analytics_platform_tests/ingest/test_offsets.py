import socket
import time
from uuid import uuid4

import pytest

from analytics_platform.errors import AclMissingError, TopicMissingError, UnreachableError
from analytics_platform.ingest.kafka.client import Client
from analytics_platform.ingest.kafka.fetch import KafkaReader, PlainReader
from analytics_platform.ingest.kafka.offsets import stable_offsets
from analytics_platform.security.acl import Grant, Operation, topic_named
from analytics_platform_tests.fakes import FakeRecord

TOPIC_AUTHORIZATION_FAILED = 29
RECORDS = [FakeRecord(value=b"%d" % n) for n in range(4)]


def test_a_missing_topic_is_named(broker, name):
    with broker.reader() as reader, pytest.raises(TopicMissingError, match=name):
        reader.offsets([name])


def test_offsets_of_several_topics_come_in_partition_order(broker, name):
    broker.create(name, 3)
    broker.create(name + "-b")
    broker.append(name, 1, RECORDS)

    with broker.reader() as reader:
        found = reader.offsets([name, name + "-b"])

    assert [(p.partition, p.first, p.stable_end) for p in found[name]] == [(0, 0, 0), (1, 0, 4), (2, 0, 0)]
    assert len({p.topic_id for partitions in found.values() for p in partitions}) == 2
    assert not reader.offsets([])


@pytest.mark.parametrize("kind", [KafkaReader, PlainReader])
def test_a_dead_broker_is_reported_within_seconds(kind):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    started = time.monotonic()

    with kind(address) as reader, pytest.raises(UnreachableError, match=address):
        reader.offsets(["bids"])

    assert time.monotonic() - started < 4.5


def test_a_broker_that_accepts_and_says_nothing_is_reported_within_seconds():
    started = time.monotonic()

    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        with KafkaReader(address) as reader, pytest.raises(UnreachableError, match=address):
            reader.offsets(["bids"])

    assert time.monotonic() - started < 4.5


def test_an_open_transaction_is_not_stable(real, name):
    real.create(name)
    real.append(name, 0, RECORDS[:2])
    writing = real.producer(transactional_id=uuid4().hex)
    writing.init_transactions(10)
    writing.begin_transaction()
    real.produce(writing, name, 0, RECORDS[:1])
    writing.flush(10)
    real.append(name, 0, RECORDS[:1])

    with real.reader() as reader:
        assert [p.stable_end for p in reader.offsets([name])[name]] == [2]
        assert not reader.wait_for_data({name: {0: 2}}, 0.3)
        writing.commit_transaction(10)
        assert reader.wait_for_data({name: {0: 2}}, 5)
        assert [p.stable_end for p in reader.offsets([name])[name]] == [5]


def test_a_refused_topic_is_named_with_what_to_grant():
    with pytest.raises(AclMissingError, match=r"User:ANONYMOUS may not Read Topic bids"):
        Client("127.0.0.1:1").check(TOPIC_AUTHORIZATION_FAILED, Grant(Operation.READ, topic_named("bids")))


def test_asking_every_second_costs_a_few_milliseconds(real, name):
    real.create(name, 8)
    client = Client(real.bootstrap)
    stable_offsets(client, name)
    started = time.process_time()

    for _ in range(20):
        assert len(stable_offsets(client, name)) == 8

    client.close()
    assert (time.process_time() - started) / 20 < 0.05


def test_a_closed_client_says_so():
    client = Client("127.0.0.1:1")
    client.close()

    with pytest.raises(UnreachableError, match="closed"):
        client.topics(["bids"])
