"""What brokers and topics do meanwhile, one function for each noun, as in cases_of_records."""

import threading
import time
from contextlib import contextmanager

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from analytics_platform.errors import OffsetsLostError, UnreachableError
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.ledger.postgres import planning
from analytics_platform.pipeline import plan_all
from analytics_platform_tests.brokers import running_cluster
from analytics_platform_tests.ingest.cases_of_records import on_one_topic
from analytics_platform_tests.ingest.on_kafka import letters, opened
from analytics_platform_tests.ingest.proxy import AT_ONCE, SlowProxy
from analytics_platform_tests.ingest.topics import KafkaTopics, wait_until

TICK_SECONDS = 7.0  # of the 60 that a sensor has


def once(action):
    """A callback that acts the first time only."""
    waiting = [action]
    return lambda *_: waiting.pop()() if waiting else None


def added_partition(place):
    """A partition that appears during a lease is read from its first record, by the same lease."""
    with on_one_topic(place) as post:
        post.write(letters(3))

        def add():
            admin = AdminClient({"bootstrap.servers": place.real.bootstrap, "log_level": 0})
            admin.create_partitions([NewPartitions(post.topic, 2)])[post.topic].result()
            post.topics.wait_for_leaders(post.topic, 2)
            post.write(letters(4, 3), partition=1)

        manifests = post.lease(on_cycle=once(add))
        assert [m.rows for m in manifests] == [3, 4]
        assert post.numbers() == list(range(7))
        return post.agrees()


class RecreatingReader(KafkaReader):
    """Behind the first table of a fetch, does what it is told: when everything is read and nothing committed."""

    act = staticmethod(lambda: None)

    def fetch(self, *arguments, **options):
        for table in super().fetch(*arguments, **options):
            yield table
            self.act()


def recreated_topic(place):
    """Offsets of a topic that is gone are a gap with an alarm; not one record of the new one is taken for theirs.

    It is recreated once before its batch is read, and once between the last fetch and the commit.
    """
    reader = RecreatingReader(place.real.bootstrap, patience_seconds=5)
    with on_one_topic(place, reader=reader) as post:
        post.write(letters(3))
        plan_all(post.parts)
        post.topics.create(post.topic)
        post.write(letters(2, 10))
        first, second = post.lease()
        assert (first.rows, first.gaps, second.rows) == (0, 3, 2)
        assert post.numbers() == [10, 11]
        post.agrees()
        post.write(letters(2, 12))
        reader.act = once(lambda: (post.topics.create(post.topic), post.write(letters(5, 20))))
        third, fourth = post.lease()
        assert (third.rows, third.gaps, fourth.rows) == (0, 2, 5)
        assert len(post.alarms("offsets lost")) == 2
        numbers = post.numbers()
        assert sorted(numbers) == [10, 11, *range(20, 25)]
        return len(numbers)


def overtaken_by_retention(place):
    """What retention takes before it is read is a gap with an alarm, whether it was planned already or not."""
    with on_one_topic(place) as post:
        post.write(letters(6))
        plan_all(post.parts)
        place.real.delete_before(post.topic, 0, 2)
        (planned,) = post.lease()
        assert (planned.offsets, planned.rows, planned.gaps) == (6, 4, 2)
        post.write(letters(4, 6))
        place.real.delete_before(post.topic, 0, 8)
        (unplanned,) = post.lease()
        assert (unplanned.offsets, unplanned.rows) == (2, 2)
        assert post.numbers() == [2, 3, 4, 5, 8, 9]
        lost = [(a["start"], a["end"]) for a in post.alarms("offsets lost")]
        assert lost == [(0, 2), (6, 8)]
        return post.agrees(lost={(0, offset) for offset in range(2, 6)})


@contextmanager
def on_the_cluster(place, replicas, **declared):
    """The pipeline on a topic with those replicas, the first of which leads, and the cluster, all of it up."""
    cluster = place.cluster
    topics = KafkaTopics(cluster.bootstrap, KafkaReader)
    config = {"unclean.leader.election.enable": "true", "min.insync.replicas": "1", "retention.ms": "-1"}
    topic = NewTopic(place.name, 1, replica_assignment=[replicas], config=config)
    topics.admin.create_topics([topic])[place.name].result()
    topics.wait_for_leaders(place.name, 1)
    with opened(topics, place.name, place.dsn, place.folder, reader=KafkaReader(topics.bootstrap), **declared) as post:
        yield post, cluster


def moved_leader(place):
    """The leader dies during a lease; another replica leads, and the same lease goes on from there."""
    with on_the_cluster(place, [2, 3, 1], batch_rows=40) as (post, cluster):
        post.write(letters(200), acks="all")
        manifests = post.lease(on_cycle=once(lambda: cluster.kill(2)))
        assert sum(m.rows for m in manifests) == 200
        assert len(manifests) == 5
        assert post.topics.leader(post.topic) != 2
        assert post.numbers() == list(range(200))
        return post.agrees()


def unclean_election(place):
    """A log that is shorter than what was read is told; what was planned of it waits, and nothing is read twice."""
    with on_the_cluster(place, [2, 3]) as (post, cluster):
        post.write(letters(10), acks="all")
        cluster.kill(3)
        post.write(letters(20, 10), acks="all")
        post.lease()
        post.write(letters(5, 30), acks="all")
        plan_all(post.parts)
        cluster.kill(2)
        cluster.start(3)
        wait_until(lambda: post.topics.leader(post.topic) == 3, seconds=40)
        plan_all(post.parts)
        with pytest.raises(OffsetsLostError, match=r"offset 30 was planned, the log holds \[0, 10\)"):
            post.lease()
        assert post.alarms("log shortened") == [{"partition": 0, "planned_to": 35}]
        assert len(planning.open_batches(post.parts.ledger, ["letters"])) == 1
        cluster.start(2)
        post.write(letters(30, 100), acks="all")
        post.lease()
        numbers = post.numbers()
        assert numbers == [*range(30), *range(120, 130)]
        return len(numbers)


def dead_broker(place):
    """All brokers die during a lease and come back: it waits for them, goes on, and has lost nothing."""
    with on_the_cluster(place, [1, 2, 3], batch_rows=40) as (post, cluster):
        post.write(letters(200), acks="all")
        seconds = []

        def die():
            cluster.kill(1, 2, 3)
            with KafkaReader(cluster.bootstrap) as planner:
                began = time.monotonic()
                with pytest.raises(UnreachableError):
                    planner.offsets([post.topic])
                seconds.append(time.monotonic() - began)
            threading.Timer(1.0, cluster.start, [1, 2, 3]).start()

        manifests = post.lease(on_cycle=once(die))
        assert seconds[0] < TICK_SECONDS
        assert sum(m.rows for m in manifests) == 200
        assert post.numbers() == list(range(200))
        cluster.wait_until_up()
        return post.agrees()


def slow_broker(place):
    """Behind a slow line all is read; behind one that trickles a planner gives up in seconds, and nothing is lost."""
    with SlowProxy() as proxy, running_cluster(place.folder / "slow", place.jars, 1, {1: proxy.port}) as lone:
        proxy.upstream = lone.ports[1].broker
        topics = KafkaTopics(f"127.0.0.1:{proxy.port}", KafkaReader)
        topics.create(place.name)
        reader = KafkaReader(topics.bootstrap)
        with opened(topics, place.name, place.dsn, place.folder, reader=reader, batch_rows=40) as post:
            post.write(letters(60, pad="x" * 20_000))
            proxy.delay_seconds, proxy.bytes_per_second = 0.1, 500_000
            assert [m.rows for m in post.lease()] == [40, 20]
            proxy.bytes_per_second = 10
            for _ in range(2):
                began = time.monotonic()
                with pytest.raises(UnreachableError):
                    plan_all(post.parts)
                assert time.monotonic() - began < TICK_SECONDS
            proxy.delay_seconds, proxy.bytes_per_second = 0.0, AT_ONCE
            post.write(letters(10, 60))
            post.lease()
            assert post.numbers() == list(range(70))
            return post.agrees()
