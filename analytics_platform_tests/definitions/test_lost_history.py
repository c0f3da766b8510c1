"""Dagster's database is lost: history is, and nothing else. The planner and its runs go on with an empty one."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import dagster as dg

from analytics_platform.definitions.assets import pipeline_assets
from analytics_platform.definitions.hours import partition_of
from analytics_platform.definitions.resources import KeptParts, PlatformResource
from analytics_platform.definitions.sensors import Planner
from analytics_platform.definitions.specs import hourly
from analytics_platform.ledger.postgres import planning
from analytics_platform_tests.pipeline.orders import ORDERS, SCHEMAS, SHOP, kafka_with, opened, order, outcomes

SINCE = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=4)


class Given(KeptParts):
    """The parts that a test has opened."""

    def __init__(self, parts):
        super().__init__()
        self.parts = parts

    @contextmanager
    def of(self, pipeline):
        yield self.parts


def planned_run(instance, parts):
    """One tick of a planner that has just started, and the run that it asks for, to its end."""

    class Prepared(PlatformResource):
        @contextmanager
        def parts(self, pipeline, application):
            yield parts

    (request,), _ = Planner([SHOP], Given(parts)).tick(instance)
    return dg.materialize(
        [pipeline_assets(SHOP, hourly(SINCE), SCHEMAS)],
        instance=instance,
        resources={"platform": Prepared()},
        tags=request.tags,
        partition_key=request.partition_key,
    )


def test_with_an_empty_dagster_leases_go_on_and_the_hour_is_reported_anew(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1)], [order(2)]])
    with dg.DagsterInstance.ephemeral() as lost, opened(ledger_dsn, tmp_path, kafka) as parts:
        planned_run(lost, parts)
    kafka.append(ORDERS.topic, 0, [order(3), order(1)])
    with dg.DagsterInstance.ephemeral() as empty, opened(ledger_dsn, tmp_path, kafka) as parts:
        assert planned_run(empty, parts).success
        assert sorted(outcomes(parts).values()) == ["duplicate", "published", "published", "published"]
        event = empty.get_latest_materialization_event(dg.AssetKey(["orders", "silver"]))
        hours = empty.get_materialized_partitions(dg.AssetKey(["orders", "silver"]))
    assert event is not None and event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["dagster/partition_row_count"].value == 3  # the hour so far, with what the lost one was told of
    assert partition_of(datetime.now(UTC).replace(minute=0, second=0, microsecond=0)) in hours


def test_a_run_that_the_empty_dagster_has_never_heard_of_is_no_obstacle(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:  # a worker died in its lease, and then Dagster's database
        parts.ledger.execute("update pipeline set lease_open = true, clean_end = false, run_id = 'gone', epoch = 7")
        with dg.DagsterInstance.ephemeral() as empty:
            assert planned_run(empty, parts).success
        assert not planning.open_batches(parts.ledger, ["orders"])
