"""Rework killed anywhere: what it had begun leaves no trace, and the next lease does it as if nothing had been."""

from contextlib import suppress
from dataclasses import replace

import pytest

from analytics_platform.facts import Failpoint
from analytics_platform.ledger.postgres import attempts
from analytics_platform.ledger.postgres import rework as orders
from analytics_platform.ledger.rework import Kind, OrderState
from analytics_platform_tests.brokers import fresh_ledger
from analytics_platform_tests.pipeline.checked import CHECKED_ORDERS, CHECKED_SHOP
from analytics_platform_tests.pipeline.ordered import give, is_worked_off, progress_of
from analytics_platform_tests.pipeline.orders import (
    ORDERS,
    SHOP,
    KilledError,
    content,
    finish,
    kafka_with,
    kill_at,
    lease,
    opened,
    order,
    outcomes,
    random_orders,
    rows,
)
from analytics_platform_tests.pipeline.test_rework import one_by_one, stricter

IN_REWORK = [Failpoint.AFTER_DIRTY, Failpoint.AFTER_PARQUET, Failpoint.AFTER_COMMIT, Failpoint.AFTER_PUBLISH]
CUT = replace(CHECKED_SHOP, streams=(replace(CHECKED_ORDERS, batch_rows=30),))
BAD = [order(1, amount=5), order(2, amount=-1), order(3, amount=-1)]
COPIES = [[order(1, amount=5), order(2, amount=7)], [order(1, amount=6), order(2, amount=7), order(3, amount=2)]]
ORDERED = {Kind.RELEASE: (1,), Kind.DISCARD: (2,), Kind.BACKFILL: ()}


def pipeline_for(kind):
    """A backfill finds another rule."""
    return stricter(CUT, least=4) if kind is Kind.BACKFILL else CUT


def prepared(dsn, folder, kind):
    """A held batch, others with copies of its rows, random ones, and an order that is not yet worked off."""
    kafka = kafka_with([[], []])
    with opened(dsn, folder, kafka, pipeline=CUT) as parts:
        one_by_one(parts, kafka, BAD, *COPIES)
        for partition, records in enumerate(random_orders(4, 40)):
            kafka.append(ORDERS.topic, partition, records)
        lease(parts, "more")
        finish(parts)
        return kafka, give(parts, kind, *ORDERED[kind])


def worked_off(dsn, folder, kafka, kind):
    """The content once the order and one more live batch are done."""
    kafka.append(ORDERS.topic, 0, [order(2, amount=7), order(1, amount=6)])
    with opened(dsn, folder, kafka, pipeline=pipeline_for(kind)) as parts:
        lease(parts, "last")
        assert is_worked_off(parts)
        return content(parts)


@pytest.mark.parametrize("point", IN_REWORK)
@pytest.mark.parametrize("kind", ORDERED)
def test_rework_killed_again_and_again_ends_as_if_it_had_not_been(postgres, ledger_dsn, tmp_path, kind, point):
    with fresh_ledger(postgres) as dsn:
        kafka, _ = prepared(dsn, tmp_path / "clean", kind)
        clean = worked_off(dsn, tmp_path / "clean", kafka, kind)
    kafka, order_id = prepared(ledger_dsn, tmp_path / "hurt", kind)
    killed = 0
    for hit in (1, 2, 3):
        reached = kill_at(point, hit)
        with suppress(KilledError), opened(ledger_dsn, tmp_path / "hurt", kafka, reached, pipeline_for(kind)) as parts:
            killed += 1
            lease(parts, f"killed {hit}")
            killed -= 1
    assert killed, "no lease was killed"
    assert worked_off(ledger_dsn, tmp_path / "hurt", kafka, kind) == clean
    with opened(ledger_dsn, tmp_path / "hurt", kafka, pipeline=pipeline_for(kind)) as parts:
        assert progress_of(parts, order_id).state is OrderState.DONE


def test_a_live_batch_is_never_judged_on_half_a_rework(ledger_dsn, tmp_path):
    kafka = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        one_by_one(parts, kafka, [order(1, amount=5)], [order(1, amount=6)])
        give(parts, Kind.DISCARD, 1)
    with pytest.raises(KilledError), opened(ledger_dsn, tmp_path, kafka, kill_at(Failpoint.AFTER_COMMIT, 1)) as parts:
        lease(parts, "killed")
    kafka.append(ORDERS.topic, 0, [order(1, amount=7)])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        half = [
            row["offset"] for layer in ("silver", "exceptions") for row in rows(parts, f"orders/{layer}").to_pylist()
        ]
        assert half == [0, 0]
        lease(parts, "second")
        assert outcomes(parts) == {(0, 0): "discarded", (0, 1): "published", (0, 2): "conflict"}
        assert is_worked_off(parts)


def test_an_order_that_fails_three_times_is_given_up_and_leaves_no_trace(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1), order(2)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        before = content(parts)
    broken = replace(ORDERS.rules[0], holds="no_such_column > 0")
    pipeline = replace(SHOP, streams=(replace(ORDERS, rules=(broken,)),))
    with opened(ledger_dsn, tmp_path, kafka, pipeline=pipeline) as parts:
        order_id = give(parts, Kind.BACKFILL)
        lease(parts, "second")
        found = progress_of(parts, order_id)
        assert found.state is OrderState.FAILED and "a row rule cannot run" in (found.error or "")
        assert content(parts) == before and not attempts.under_way(parts.ledger, "shop")


def test_an_order_over_which_workers_die_is_given_up(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        order_id = give(parts, Kind.DISCARD, 1)
    for _ in range(attempts.MOST_BEGUN):
        reached = kill_at(Failpoint.AFTER_DIRTY, 1)
        with pytest.raises(KilledError), opened(ledger_dsn, tmp_path, kafka, reached) as parts:
            lease(parts, "killed")
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts, "last")
        found = progress_of(parts, order_id)
        assert (found.state, outcomes(parts)) == (OrderState.FAILED, {(0, 0): "published"})
        orders.resume(parts.ledger, order_id, parts.now())
        lease(parts, "resumed")
        assert outcomes(parts) == {(0, 0): "discarded"}
