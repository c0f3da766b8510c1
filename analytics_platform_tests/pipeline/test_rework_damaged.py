"""Files of silver that are gone: an order mends them whatever else happens, and no event is lost on the way."""

from contextlib import suppress

import pytest

from analytics_platform.errors import DamagedTableError
from analytics_platform.facts import Failpoint
from analytics_platform.ledger.rework import Kind, OrderState
from analytics_platform_tests.pipeline.ordered import discard, give, is_worked_off, progress_of, rework
from analytics_platform_tests.pipeline.orders import (
    ORDERS,
    KilledError,
    kafka_with,
    kill_at,
    lease,
    opened,
    order,
    outcomes,
)
from analytics_platform_tests.pipeline.test_rework import one_by_one, revenue, stricter

IN_REWORK = [Failpoint.AFTER_DIRTY, Failpoint.AFTER_PARQUET, Failpoint.AFTER_COMMIT, Failpoint.AFTER_PUBLISH]


def lose(parts, *numbers):
    """Silver's files that hold rows of those batches are gone from the disk."""
    table = parts.tables.by_name["orders/silver"]
    table.refresh()
    for file in table.files():
        if any(file.low["batch"] <= number <= file.high["batch"] for number in numbers):
            (table.root / file.path).unlink()


@pytest.mark.parametrize("point", IN_REWORK)
@pytest.mark.parametrize("hit", [1, 2])
def test_a_rerun_of_a_missing_file_that_is_killed_stops_nothing(ledger_dsn, tmp_path, point, hit):
    kafka = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        one_by_one(parts, kafka, [order(1)], [order(2, minute=5)], [order(3, minute=9)])
        lose(parts, 2)
        order_id = give(parts, Kind.RERUN, 2)
    with suppress(KilledError), opened(ledger_dsn, tmp_path, kafka, kill_at(point, hit)) as parts:
        lease(parts, "killed")
    kafka.append(ORDERS.topic, 0, [order(4, minute=9)])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts, "next")
        assert is_worked_off(parts) and revenue(parts) == {0: 1, 5: 1, 9: 2}
        assert progress_of(parts, order_id).state is OrderState.DONE


def test_a_live_batch_that_needs_a_missing_file_waits_for_the_order_that_mends_it(ledger_dsn, tmp_path):
    kafka = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        one_by_one(parts, kafka, [order(1), order(50)], [order(60, minute=5)])
        lose(parts, 1)
        give(parts, Kind.RERUN, 1)
        kafka.append(ORDERS.topic, 0, [order(20, minute=9), order(50)])
        lease(parts, "next")
        assert outcomes(parts)[0, 4] == "duplicate" and revenue(parts) == {0: 2, 5: 1, 9: 1}
        assert is_worked_off(parts)


def test_files_that_are_missing_together_are_mended_together(ledger_dsn, tmp_path):
    kafka = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        one_by_one(parts, kafka, [order(1), order(20), order(50)], [order(2)], [order(3), order(40)])
        lose(parts, 1, 3)
        done = rework(parts, Kind.RERUN, 1, 3)
        assert (done.state, done.error) == (OrderState.DONE, None)
        assert is_worked_off(parts) and revenue(parts) == {0: 6}


def test_discarding_a_batch_whose_file_is_missing_promotes_its_copies_and_empties_its_grains(ledger_dsn, tmp_path):
    kafka = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        one_by_one(parts, kafka, [order(1, amount=5), order(9, amount=3, minute=9)], [order(1, amount=5)])
        lose(parts, 1)
        discard(parts, 1)
        assert outcomes(parts) == {(0, 0): "discarded", (0, 1): "discarded", (0, 2): "published"}
        assert revenue(parts) == {0: 5} and is_worked_off(parts)


def test_a_stricter_rule_over_a_missing_file_leaves_models_with_what_is_published(ledger_dsn, tmp_path):
    kafka = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        one_by_one(parts, kafka, [order(1, amount=5), order(2, amount=9, minute=7)], [order(3, amount=30)])
        lose(parts, 1)
    with opened(ledger_dsn, tmp_path, kafka, pipeline=stricter(parts.pipeline)) as parts:
        assert rework(parts, Kind.BACKFILL, 1).state is OrderState.DONE
        assert outcomes(parts) == {(0, 0): "quarantined", (0, 1): "quarantined", (0, 2): "published"}
        assert revenue(parts) == {0: 30} and is_worked_off(parts)


@pytest.mark.parametrize(
    "ruin", [lambda path: path.unlink(), lambda path: path.write_bytes(b"x" * path.stat().st_size)]
)
def test_a_live_batch_that_needs_a_damaged_file_nobody_mends_says_which_table_and_what_to_do(
    ledger_dsn, tmp_path, ruin
):
    kafka = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        one_by_one(parts, kafka, [order(1), order(50)])
        table = parts.tables.by_name["orders/silver"]
        ruin(table.root / table.files()[0].path)
        kafka.append(ORDERS.topic, 0, [order(20)])
        with pytest.raises(DamagedTableError, match=r"orders/silver.*ap table repair"):
            lease(parts, "next")
