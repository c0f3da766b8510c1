"""Runs as Dagster executes them, on a real ledger and real tables: leases, backfills, repetitions.

Waiting is where leases work: here it is the `pause` of a run that does what a lease would, or what a person does.
"""

import logging
from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest
from dagster import DagsterExecutionInterruptedError

from analytics_platform.definitions.execute import LEASE_CPU
from analytics_platform.definitions.hours import partition_of
from analytics_platform.definitions.intent import BATCHES_TAG, ORDER_TAG, WHAT_TAG, WHY_TAG
from analytics_platform.ledger.postgres import rework
from analytics_platform.ledger.rework import Kind, OrderState
from analytics_platform_tests.definitions.executed import (
    EMPTY,
    HOUR,
    NATIVE,
    NOW,
    again,
    checks,
    checks_by_hour,
    checks_of_asset,
    error_of,
    finish,
    in_this_hour,
    lease,
    materialised,
    order_of,
    run,
    tags_of,
    times_told,
)
from analytics_platform_tests.pipeline.checked import CHECKED_SHOP
from analytics_platform_tests.pipeline.ordered import give
from analytics_platform_tests.pipeline.orders import ORDERS, kafka_with, opened, order
from analytics_platform_tests.pipeline.test_freeze import BAD, GOOD
from analytics_platform_tests.pipeline.test_freeze import pipeline as freezing_shop


@pytest.fixture
def parts(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1), order(2, amount=-1)], []])) as found:
        yield replace(found, pause=lambda _: finish(found), now=in_this_hour)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def test_a_lease_says_which_batches_it_worked_on(instance, parts):
    done = lease(instance, parts)
    assert done.success and tags_of(instance, done)[BATCHES_TAG] == "orders/1"
    assert materialised(done)["orders/silver", HOUR]["dagster/partition_row_count"] == 1


def test_an_hour_that_is_known_is_told_of_at_the_end_and_a_new_one_at_once_as_well(instance, ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1)], []])
    with opened(ledger_dsn, tmp_path, kafka) as found:
        parts = replace(found, now=in_this_hour)
        assert times_told(lease(instance, parts), "orders/silver") == 2
        kafka.append(ORDERS.topic, 0, [order(2)])
        done = lease(instance, parts)
        assert times_told(done, "orders/silver") == 1
        assert materialised(done)["orders/silver", HOUR]["dagster/partition_row_count"] == 2


def test_after_a_writer_that_was_killed_a_known_hour_is_told_of_at_once(instance, ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1)], []])
    with opened(ledger_dsn, tmp_path, kafka) as found:
        parts = replace(found, now=in_this_hour)
        lease(instance, parts)
        parts.ledger.execute("update pipeline set clean_end = false")
        kafka.append(ORDERS.topic, 0, [order(2)])
        assert times_told(lease(instance, parts), "orders/silver") == 2


def test_a_batch_that_is_decided_anew_is_told_of_at_once(instance, parts):
    lease(instance, parts)
    give(parts, Kind.DISCARD, 1)
    assert times_told(lease(instance, parts), "orders/silver") == 2


def test_a_lease_logs_what_it_cost(instance, parts, caplog):
    with caplog.at_level(logging.INFO, "analytics_platform"):
        lease(instance, parts)
    (told,) = [record for record in caplog.records if record.message == LEASE_CPU]
    assert 0 < vars(told)["work"] <= vars(told)["whole"]


def test_a_model_tells_where_its_columns_come_from(instance, parts):
    lineage = materialised(lease(instance, parts))["revenue", HOUR]["dagster/column_lineage"]
    (source,) = lineage.deps_by_column["revenue"]
    assert (source.asset_key.to_user_string(), source.column_name) == ("orders/silver", "amount")


def test_a_backfill_waits_for_its_order_and_tells_what_changed(instance, parts):
    lease(instance, parts)
    done = run(instance, parts, NATIVE)
    assert done.success
    seen = order_of(instance, parts, done)
    assert (seen.id, seen.kind, seen.batches) == (f"abc/shop/{EMPTY}..{HOUR}", Kind.BACKFILL, 1)
    told = materialised(done)["orders/silver", HOUR]
    assert (told["batches judged again"], told["batches changed"], told["rows removed"]) == (1, 1, 1)
    assert told["published: before → after"] == "1 → 0" and told["quarantined: before → after"] == "0 → 1"


def test_hours_without_data_are_marked_as_such(instance, parts):
    lease(instance, parts)
    told = materialised(run(instance, parts, NATIVE))
    assert told["orders/silver", EMPTY]["no data"] and told["revenue", EMPTY]["no data"]
    assert "no data" not in told["orders/silver", HOUR]


def test_a_backfill_says_why_it_is_there_and_what_it_does(instance, parts):
    lease(instance, parts)
    tags = tags_of(instance, run(instance, parts, NATIVE))
    assert tags[WHY_TAG] == f"backfill abc of {EMPTY}..{HOUR}"
    assert tags[WHAT_TAG] == "backfill: 1 batches are judged again, with today's versions"


def test_only_what_is_selected_is_told_of(instance, parts):
    lease(instance, parts)
    done = run(instance, parts, NATIVE, selection=[dg.AssetKey(["orders", "silver"])])
    assert {asset for asset, _ in materialised(done)} == {"orders/silver"}


def test_a_second_run_of_the_same_backfill_finds_the_first_ones_order(instance, parts):
    lease(instance, parts)
    first, second = run(instance, parts, NATIVE), run(instance, parts, NATIVE)
    assert tags_of(instance, first)[ORDER_TAG] == tags_of(instance, second)[ORDER_TAG]
    assert len(rework.recent(parts.ledger, 10)) == 1


def test_a_failed_order_fails_its_run_with_its_error(instance, parts):
    lease(instance, parts)
    done = run(instance, replace(parts, pause=lambda _: finish(parts, "failed", "bronze lost orders/1")), NATIVE)
    assert not done.success and "bronze lost orders/1" in error_of(done)


def test_a_cancelled_order_fails_its_run_and_names_the_way_on(instance, parts):
    lease(instance, parts)
    done = run(instance, replace(parts, pause=lambda _: finish(parts, "cancelled")), NATIVE)
    assert not done.success and "ap backfill resume" in error_of(done)


@pytest.mark.parametrize("interrupt", [DagsterExecutionInterruptedError, KeyboardInterrupt])
@pytest.mark.parametrize(("terminated", "state"), [(True, OrderState.CANCELLED), (False, OrderState.OPEN)])
def test_who_terminates_the_run_cancels_its_order_and_a_restart_does_not(instance, parts, interrupt, terminated, state):
    def end(_):
        (waiting,) = instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        if terminated:
            instance.report_run_canceling(waiting)
        raise interrupt

    lease(instance, parts)
    assert not run(instance, replace(parts, pause=end), NATIVE).success
    (seen,) = rework.recent(parts.ledger, 10)
    assert seen.state is state


def test_a_backfill_that_a_restart_ended_goes_on_when_it_is_repeated(instance, parts):
    def end(_):
        raise DagsterExecutionInterruptedError

    lease(instance, parts)
    ended = run(instance, replace(parts, pause=end), NATIVE)
    done = run(instance, parts, again(instance, ended) | NATIVE)
    assert done.success and len(rework.recent(parts.ledger, 10)) == 1


def test_a_repeated_lease_repeats_its_batches_and_takes_no_lease(instance, parts):
    first = lease(instance, parts)
    epoch = parts.ledger.execute("select epoch from pipeline").fetchone()
    done = run(instance, parts, again(instance, first))
    seen = order_of(instance, parts, done)
    assert done.success and (seen.kind, seen.batches) == (Kind.REEXECUTE, 1)
    assert parts.ledger.execute("select epoch from pipeline").fetchone() == epoch
    assert tags_of(instance, done)[WHY_TAG] == f"run {first.run_id} was re-executed"


def test_a_repeated_backfill_that_was_done_repeats_its_batches_with_their_pins(instance, parts):
    lease(instance, parts)
    first = run(instance, parts, NATIVE)
    seen = order_of(instance, parts, run(instance, parts, again(instance, first) | NATIVE))
    assert (seen.kind, seen.batches) == (Kind.REEXECUTE, 1)


def test_a_repeated_backfill_that_had_failed_goes_on_with_its_order(instance, parts):
    lease(instance, parts)
    failed = run(instance, replace(parts, pause=lambda _: finish(parts, "failed", "no disk")), NATIVE)
    done = run(instance, parts, again(instance, failed) | NATIVE)
    assert done.success
    assert tags_of(instance, done)[ORDER_TAG] == tags_of(instance, failed)[ORDER_TAG]


def test_a_backfill_of_hours_without_data_ends_at_once(instance, parts):
    done = run(instance, parts, NATIVE)
    assert done.success and order_of(instance, parts, done).batches == 0


def test_where_no_lease_comes_the_waiting_run_is_one(instance, parts):
    lease(instance, parts)
    done = run(instance, replace(parts, pause=lambda _: None), NATIVE)
    seen = order_of(instance, parts, done)
    assert done.success and (seen.state, seen.done, seen.changed) == (OrderState.DONE, 1, 0)
    assert materialised(done)["orders/silver", HOUR]["batches changed"] == 0


def test_a_held_batch_keeps_its_hour_red_until_it_is_released(instance, ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1, amount=5), order(2, amount=-1), order(3, amount=-1)], []])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=CHECKED_SHOP) as found:
        parts = replace(found, now=in_this_hour)
        held = lease(instance, parts)
        kafka.append(ORDERS.topic, 0, [order(4)])
        good = lease(instance, parts)
        give(parts, Kind.RELEASE, 1)
        released = lease(instance, parts)
    assert held.success, "held is not failed"
    for seen in (held, good):
        passed, metadata = checks(seen, "mostly_good")[HOUR]
        assert not passed and metadata["failing batches"] == "orders/1"
        told = materialised(seen)["revenue", HOUR]
        assert (told["incomplete grains"], told["for held batches"]) == ("1", "orders/1")
    passed, metadata = checks(released, "mostly_good")[HOUR]
    assert passed and metadata["settled batches"] == "orders/1: released by ada: known spike"
    assert "incomplete grains" not in materialised(released)["revenue", HOUR]


def test_a_frozen_model_is_red_until_it_thaws_and_other_models_are_green(instance, ledger_dsn, tmp_path):
    kafka = kafka_with([GOOD, []])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=freezing_shop()) as found:
        parts = replace(found, now=in_this_hour)
        lease(instance, parts)
        kafka.append(ORDERS.topic, 0, BAD)
        seen = [lease(instance, parts)]
        give(parts, Kind.RETRACT, 2)
        seen.append(lease(instance, parts))
    told = [checks_of_asset(done, "up_to_date") for done in seen]
    passed, metadata = told[0]["revenue"]
    assert not passed and metadata["failing batches"] == "orders/2" and not told[0]["peaks"][0]
    assert told[0]["counts"][0] and all(passed for passed, _ in told[1].values()) and len(told[1]) == 3


def test_every_hour_in_which_a_model_was_frozen_is_told_when_it_thaws(instance, ledger_dsn, tmp_path):
    kafka = kafka_with([BAD, []])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=freezing_shop()) as found:
        lease(instance, replace(found, now=lambda: NOW - timedelta(hours=1)))
        parts = replace(found, now=in_this_hour)
        kafka.append(ORDERS.topic, 0, GOOD)
        later = lease(instance, parts)
        give(parts, Kind.RELEASE, 1)
        thawed = lease(instance, parts)
    assert not checks_by_hour(later, "up_to_date", "revenue")[HOUR]
    assert checks_by_hour(thawed, "up_to_date", "revenue") == {EMPTY: True, HOUR: True}


def test_the_first_lease_of_an_hour_marks_those_before_it_that_had_no_data(instance, parts):
    long_ago = NOW - timedelta(hours=3)
    lease(instance, replace(parts, now=lambda: long_ago))
    parts.reader.kafka.append(ORDERS.topic, 0, [order(3)])
    told = materialised(lease(instance, parts))
    between = [partition_of(NOW - timedelta(hours=back)) for back in (2, 1)]
    assert [told["orders/silver", hour].get("no data") for hour in (*between, HOUR)] == [True, True, None]
