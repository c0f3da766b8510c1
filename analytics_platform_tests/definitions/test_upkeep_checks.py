"""The hourly job as Dagster executes it: it does what is due, and each table's check says how it is kept."""

import os
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest

from analytics_platform.definitions.resources import PlatformResource
from analytics_platform.definitions.upkeep_checks import KEPT_SMALL, upkeep_checks
from analytics_platform.ledger.postgres.lease import taken
from analytics_platform_tests.definitions.executed import checks_of_asset
from analytics_platform_tests.pipeline.orders import START, kafka_with, lease, opened, order

FIVE_HOURS = 5 * 3600
TABLES = {"orders/bronze", "orders/silver", "orders/exceptions", "revenue"}


@pytest.fixture
def parts(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as found:
        aged = replace(found, now=lambda: START + timedelta(minutes=10))
        lease(aged)
        yield aged


def stray(parts):
    """A file that a killed writer never committed, five hours ago."""
    path = parts.tables.by_name["orders/silver"].root / "part-0000000000000000-stray.parquet"
    path.write_bytes(b"")
    old = path.stat().st_mtime - FIVE_HOURS
    os.utime(path, (old, old))
    return path


def asked(parts):
    """By table, whether its check passed, and what it says."""

    class Prepared(PlatformResource):
        @contextmanager
        def parts(self, pipeline, application):
            yield parts

    found = upkeep_checks(parts.pipeline)
    job = dg.define_asset_job("upkeep", selection=dg.AssetSelection.checks(found))
    definitions = dg.Definitions(asset_checks=[found], jobs=[job], resources={"platform": Prepared()})
    with dg.DagsterInstance.ephemeral() as instance:
        done = definitions.resolve_job_def("upkeep").execute_in_process(instance=instance)
    return checks_of_asset(done, KEPT_SMALL)


def test_every_table_of_a_pipeline_in_order_passes_and_says_what_it_is_made_of(parts):
    told = asked(parts)
    assert told.keys() == TABLES
    assert all(passed for passed, _ in told.values())
    assert told["orders/silver"][1]["files"] == 1


def test_what_nobody_deletes_while_a_lease_has_the_lock_is_named_and_gone_once_it_has_let_go(parts):
    left = stray(parts)
    with taken(parts.ledger, "shop", "a lease", START):
        told = asked(parts)
    assert {table for table, (passed, _) in told.items() if not passed} == {"orders/silver"}
    assert told["orders/silver"][1]["files nobody needs"] == 1
    later = asked(replace(parts, now=lambda: START + timedelta(hours=3)))
    assert all(passed for passed, _ in later.values()) and not left.exists()
