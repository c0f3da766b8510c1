"""One owner at a time, and no wait beyond what a caller has."""

import os
import threading
import time

import pytest

from analytics_platform.errors import ClientInUseError, UnreachableError
from analytics_platform.ingest.kafka.client import Client
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.ingest.kafka.reading import LEAST_BYTES, PARTITION_BYTES, Portion
from analytics_platform.ingest.plan import plan_batch
from analytics_platform_tests.fakes import FakeRecord
from analytics_platform_tests.ingest.proxy import SlowProxy


def in_thread(action):
    """What the action raised in a thread of its own, or None."""
    raised = []

    def run():
        try:
            action()
        except ClientInUseError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    return raised[0] if raised else None


def test_a_client_in_use_refuses_another_thread_and_names_the_owner():
    client = Client("127.0.0.1:1")

    with client.used(), client.used():
        error = in_thread(lambda: client.used().__enter__())

    assert "MainThread" in str(error)
    assert in_thread(lambda: client.used().__enter__()) is None


def test_a_reader_may_be_handed_to_another_thread_but_not_shared(real, name):
    real.create(name)
    real.append(name, 0, [FakeRecord(value=b"1")])

    with real.reader() as reader:
        planned = plan_batch({}, reader.offsets([name])[name], rows=9)
        tables = reader.fetch(name, planned)
        next(tables)
        assert isinstance(in_thread(lambda: reader.offsets([name])), ClientInUseError)
        assert reader.offsets([name])
        assert list(tables) == []
        assert in_thread(lambda: reader.offsets([name])) is None


def test_a_client_from_before_a_fork_is_refused():
    client = Client("127.0.0.1:1")
    pid = os.fork()
    if not pid:
        try:
            with client.used():
                os._exit(1)
        except ClientInUseError:
            os._exit(0)
        finally:
            os._exit(2)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("bytes_per_second", [1, 200])
def test_a_planner_waits_a_few_seconds_for_a_broker_that_trickles(kafka, bytes_per_second):
    with SlowProxy() as proxy, KafkaReader(f"127.0.0.1:{proxy.port}") as reader:
        proxy.upstream, proxy.bytes_per_second = int(kafka.bootstrap.rpartition(":")[2]), bytes_per_second
        began = time.monotonic()
        with pytest.raises(UnreachableError):
            reader.offsets(["bids"])

    assert time.monotonic() - began < 7


def test_a_wait_ends_with_the_time_of_the_outermost_use():
    client = Client("127.0.0.1:1")

    with client.used(5.0), client.used(60.0):
        assert client.cut(30.0) <= 5.0
    assert client.cut(30.0) == 30.0


def test_less_is_asked_for_after_an_answer_that_did_not_come():
    portion = Portion()
    portion.failed()
    assert portion.bytes == PARTITION_BYTES // 16
    for _ in range(3):
        portion.failed()
    assert portion.bytes == LEAST_BYTES
    for _ in range(20):
        portion.arrived()
    assert portion.bytes == PARTITION_BYTES
