"""Between two looks the planner hears of data and of the end of a lease; it never sleeps through either."""

import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from analytics_platform.definitions.listening import wait_for_news
from analytics_platform.definitions.resources import KeptParts
from analytics_platform.definitions.sensors import Planner
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.ledger.postgres.pauses import Pause, pause
from analytics_platform.pipeline import plan_all
from analytics_platform.postgres import connect
from analytics_platform_tests.pipeline.orders import ORDERS, SHOP, kafka_with, opened, order

LONG = 30.0  # far longer than anything here takes, and far shorter than forever
SOON = 0.3


class OneOf(KeptParts):
    """The parts of the one pipeline."""

    def __init__(self, parts):
        super().__init__()
        self.parts = parts

    @contextmanager
    def of(self, pipeline):
        """Them."""
        yield self.parts


@pytest.fixture
def kafka():
    return kafka_with([[], []])


@pytest.fixture
def parts(ledger_dsn, tmp_path, kafka):
    with opened(ledger_dsn, tmp_path, kafka) as found:
        leases.hear_of_ends(found.ledger)
        yield found


@contextmanager
def later(act):
    """Do it in another thread, a moment after the block has begun to wait."""
    timer = threading.Timer(SOON, act)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def seconds_of(act):
    began = time.monotonic()
    act()
    return time.monotonic() - began


def test_data_of_an_idle_pipeline_ends_the_wait(parts, kafka):
    idle = {SHOP.name: plan_all(parts)}
    with later(lambda: kafka.append(ORDERS.topic, 0, [order(1)])):
        assert SOON / 2 < seconds_of(lambda: wait_for_news(OneOf(parts), [SHOP], idle, LONG)) < LONG / 2


def test_the_end_of_a_lease_ends_the_wait(parts, ledger_dsn):
    def work():
        with connect(ledger_dsn, application="run r1") as own, leases.taken(own, SHOP.name, "r1", datetime.now(UTC)):
            pass

    with later(work):
        assert seconds_of(lambda: wait_for_news(OneOf(parts), [SHOP], {}, LONG)) < LONG / 2


def test_without_news_it_is_over_in_time(parts):
    idle = {SHOP.name: plan_all(parts)}
    assert SOON / 2 < seconds_of(lambda: wait_for_news(OneOf(parts), [SHOP], idle, SOON)) < LONG / 2
    assert SOON / 2 < seconds_of(lambda: wait_for_news(OneOf(parts), [SHOP], {SHOP.name: {}}, SOON)) < LONG / 2


def test_a_tick_asks_for_the_run_as_soon_as_there_is_data(parts, kafka):
    with dg.DagsterInstance.ephemeral() as instance, later(lambda: kafka.append(ORDERS.topic, 1, [order(1)])):
        requests, problems = Planner([SHOP], OneOf(parts)).listen(instance, LONG)
    assert [request.job_name for request in requests] == [SHOP.name] and not problems


def test_a_tick_with_nothing_to_do_is_over_in_time(parts):
    with dg.DagsterInstance.ephemeral() as instance:
        planner = Planner([SHOP], OneOf(parts))
        assert planner.listen(instance, 0) == ([], [])
        assert SOON / 2 < seconds_of(lambda: planner.listen(instance, SOON)) < LONG / 2


def test_data_of_a_paused_stream_is_no_news(parts, kafka):
    now = datetime.now(UTC)
    pause(parts.ledger, Pause(stream=ORDERS.name, reason="a test", by="us", since=now, until=now + timedelta(hours=1)))
    kafka.append(ORDERS.topic, 0, [order(1)])
    with dg.DagsterInstance.ephemeral() as instance:
        planner = Planner([SHOP], OneOf(parts))
        assert seconds_of(lambda: planner.listen(instance, SOON)) > SOON / 2


def test_an_open_lease_is_told_from_one_that_has_ended(parts):
    with leases.taken(parts.ledger, SHOP.name, "r1", datetime.now(UTC)) as lease:
        assert leases.open_lease(parts.ledger, SHOP.name) == ("r1", True)
        assert leases.end(parts.ledger, lease, SHOP.stream_names)
        assert leases.open_lease(parts.ledger, SHOP.name) == ("r1", False)
        assert leases.is_locked(parts.ledger, SHOP.name)
