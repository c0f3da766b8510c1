"""Consumer groups on a real broker: those that have committed offsets, and the topics on which they have."""

import socket
import time

import pytest
from confluent_kafka import Consumer, TopicPartition

from analytics_platform.errors import UnreachableError
from analytics_platform.ingest.kafka.groups import committed_topics
from analytics_platform_tests.fakes import FakeRecord


def commit(bootstrap, group, *topics):
    """Be a group that has read the first record of each, and has gone."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})
    try:
        consumer.commit(offsets=[TopicPartition(topic, 0, 1) for topic in topics], asynchronous=False)
    finally:
        consumer.close()


def test_groups_are_seen_by_what_they_have_committed_and_others_are_not(real, name):
    topics = [f"{name}-a", f"{name}-b"]
    for topic in topics:
        real.create(topic, 2)
        real.append(topic, 0, [FakeRecord(value=b"1")])
    commit(real.bootstrap, f"{name}-both", *topics)
    commit(real.bootstrap, f"{name}-one", topics[0])
    silent = Consumer({"bootstrap.servers": real.bootstrap, "group.id": f"{name}-silent", "enable.auto.commit": False})
    silent.assign([TopicPartition(topics[0], 0, 0)])
    assert silent.poll(10) is not None

    found = {group: read for group, read in committed_topics(real.bootstrap).items() if group.startswith(name)}

    silent.close()
    assert found == {f"{name}-both": set(topics), f"{name}-one": {topics[0]}}


def test_a_dead_broker_is_reported_within_seconds():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    started = time.monotonic()
    with pytest.raises(UnreachableError, match=address):
        committed_topics(address)
    assert time.monotonic() - started < 30  # it gives up; how soon depends on the machine
