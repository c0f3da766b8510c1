"""Orders to judge batches again: what they freeze, how they end, and what is refused."""

from dataclasses import replace

import pytest

from analytics_platform.facts import Failpoint
from analytics_platform.ledger.postgres import rework as orders
from analytics_platform.ledger.rework import Kind, OrderRefusedError, OrderState
from analytics_platform.pipeline import plan_all
from analytics_platform.postgres import connect
from analytics_platform_tests.pipeline.ordered import (
    give,
    progress_of,
)
from analytics_platform_tests.pipeline.orders import (
    ORDERS,
    START,
    kafka_with,
    lease,
    opened,
    order,
)


def test_an_order_is_frozen_when_it_is_given(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        plan_all(parts)
        order_id = give(parts, Kind.BACKFILL)
        lease(parts)
        kafka.append(ORDERS.topic, 0, [order(2)])
        lease(parts, "second")
        again = give(parts, Kind.BACKFILL, id=order_id)
        found = progress_of(parts, order_id)
    assert again == order_id and (found.batches, found.done, found.state) == (1, 1, OrderState.DONE)


def test_a_cancelled_order_stops_and_goes_on_when_it_is_resumed(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as parts:
        lease(parts)
        order_id = give(parts, Kind.BACKFILL)
        assert orders.cancel(parts.ledger, order_id, parts.now()) and not orders.is_open(parts.ledger, "shop")
        lease(parts, "second")
        assert progress_of(parts, order_id).done == 0
        assert orders.resume(parts.ledger, order_id, parts.now())
        lease(parts, "third")
        assert progress_of(parts, order_id).state is OrderState.DONE


def test_an_order_that_is_cancelled_during_its_last_chunk_is_done(ledger_dsn, tmp_path):
    def cancel(point):
        if point is Failpoint.AFTER_DIRTY:
            with connect(ledger_dsn, application="somebody") as ledger:
                orders.cancel(ledger, order_id, START)

    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as parts:
        lease(parts)
        order_id = give(parts, Kind.DISCARD, 1)
        lease(replace(parts, reached=cancel), "second")
        assert progress_of(parts, order_id).state is OrderState.DONE
        assert not orders.resume(parts.ledger, order_id, parts.now())


def test_an_order_over_hours_without_data_is_done(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[], []])) as parts:
        order_id = give(parts, Kind.BACKFILL)
        assert progress_of(parts, order_id).state is OrderState.DONE


@pytest.mark.parametrize(
    ("kind", "number", "problem"),
    [
        (Kind.RELEASE, 1, "it is published, nothing holds it back"),
        (Kind.RELEASE, 2, "it is planned, the next lease judges it"),
        (Kind.DISCARD, 9, "there is no such batch"),
    ],
)
def test_what_makes_no_sense_is_refused(ledger_dsn, tmp_path, kind, number, problem):
    kafka = kafka_with([[order(1)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        kafka.append(ORDERS.topic, 0, [order(2)])
        plan_all(parts)
        with pytest.raises(OrderRefusedError, match=problem):
            give(parts, kind, number)
        assert not orders.is_open(parts.ledger, "shop")
