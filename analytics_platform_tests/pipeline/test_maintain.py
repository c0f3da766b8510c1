"""A pipeline that no lease works on is kept small, too; one that somebody works on is left to them."""

import os
from dataclasses import replace
from datetime import timedelta

import pytest

from analytics_platform.lake.fold import FILES_PER_FOLD
from analytics_platform.ledger.postgres.lease import taken
from analytics_platform.pipeline import plan_all, run_lease
from analytics_platform.pipeline.maintain import conditions, maintain
from analytics_platform_tests.pipeline import orders
from analytics_platform_tests.pipeline.house import NOON, bid, kafka_with, opened
from analytics_platform_tests.pipeline.orders import lease, rows

RETENTION = timedelta(days=1)
HOURS = 3600


@pytest.fixture
def house(ledger_dsn, tmp_path, clock):
    """A house that keeps rows for a day, and has read one bid; its broker."""
    kafka = kafka_with()
    with opened(ledger_dsn, tmp_path, kafka, now=clock) as parts:
        parts = replace(parts, limits=replace(parts.limits, retention=RETENTION))
        kafka.append("bids", 0, [bid("a", at=1)])
        lease(parts, "the first")
        yield parts, kafka


def silver(parts):
    return rows(parts, "bids/silver").num_rows


def stray(parts):
    """A file that a killed writer never committed, five hours ago."""
    path = parts.tables.by_name["bids/silver"].root / "part-0000000000000000-stray.parquet"
    path.write_bytes(b"")
    old = path.stat().st_mtime - 5 * HOURS
    os.utime(path, (old, old))
    return path


def test_rows_past_their_retention_go_though_no_lease_comes(house, clock):
    parts, _ = house
    clock.at = NOON + 3 * RETENTION
    assert silver(parts) == 1
    assert maintain(parts, "maintenance").is_ours
    assert silver(parts) == 0


def test_it_is_done_once_an_hour(house, clock):
    parts, _ = house
    clock.at = NOON + timedelta(hours=2)
    assert maintain(parts, "maintenance").is_ours
    assert not maintain(parts, "maintenance").is_ours
    clock.at += timedelta(hours=2)
    assert maintain(parts, "maintenance").is_ours


def test_a_pipeline_whose_lock_is_held_is_left_to_who_holds_it(house, clock):
    parts, _ = house
    clock.at = NOON + 3 * RETENTION
    with taken(parts.ledger, parts.pipeline.name, "a lease", clock.at):
        assert not maintain(parts, "maintenance").is_ours
    assert silver(parts) == 1


def test_a_pipeline_with_an_open_batch_is_left_to_the_lease_that_comes_for_it(house, clock):
    parts, kafka = house
    clock.at = NOON + 3 * RETENTION
    kafka.append("bids", 0, [bid("b", at=2)])
    plan_all(parts)
    assert not maintain(parts, "maintenance").is_ours


def test_a_lease_goes_on_after_it_as_if_nothing_had_been(house, clock):
    parts, kafka = house
    clock.at = NOON + timedelta(hours=2)
    assert maintain(parts, "maintenance").is_ours
    kafka.append("bids", 0, [bid("b", at=100), bid("a", at=1)])
    lease(parts, "the next")
    assert silver(parts) == 2
    assert rows(parts, "bids/exceptions")["outcome"].to_pylist() == ["duplicate"]


def test_what_a_killed_writer_left_is_told_of_until_it_is_deleted(house, clock):
    parts, _ = house
    left = stray(parts)
    told = {found.table: found.problems() for found in conditions(parts)}
    assert [table for table, problems in told.items() if problems] == ["bids/silver"]
    clock.at = NOON + timedelta(hours=2)
    maintain(parts, "maintenance")
    assert not left.exists()
    assert not any(found.problems() for found in conditions(parts))


def test_files_are_folded_once_a_backlog_is_drained_and_not_before(ledger_dsn, tmp_path):
    shop = replace(orders.SHOP, streams=(replace(orders.ORDERS, batch_rows=3),))
    logs = [[orders.order(number) for number in range(3 * (FILES_PER_FOLD + 10) + 1)], []]
    files = []
    with orders.opened(ledger_dsn, tmp_path, orders.kafka_with(logs), pipeline=shop) as parts:
        bronze = parts.tables.by_name["orders/bronze"]
        run_lease(parts, "run", orders.HOUR, lambda _: files.append(len(bronze.files())))
        assert files == list(range(1, len(files) + 1)) and files[-1] > FILES_PER_FOLD
        assert len(bronze.files()) == files[-1] - FILES_PER_FOLD + 1
