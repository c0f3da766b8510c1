"""What only Dagster knows becomes alerts: failed runs, failing sensors, and that they are over."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.storage.dagster_run import DagsterRun
from dagster._daemon.types import DaemonHeartbeat
from dagster._utils.error import SerializableErrorInfo

from analytics_platform.alerts.alert import Known
from analytics_platform.alerts.deliver import fold, standing
from analytics_platform.alerts.notes import KINDS
from analytics_platform.definitions.alerting import failing_sensors, look_at_dagster, note_failed_runs
from analytics_platform.definitions.lasting import SILENT_AFTER
from analytics_platform.ledger.postgres import alarms
from analytics_platform.pipeline import plan_all
from analytics_platform.product import Catalog
from analytics_platform_tests.definitions.test_sensors import FAILURE, SUCCESS, ended
from analytics_platform_tests.ledger.test_publication import ledger
from analytics_platform_tests.pipeline.orders import ORDERS, SHOP, kafka_with, lease, opened, order

__all__ = ["ledger"]
NOTHING = Catalog(pipelines={})
ORIGIN: Any = RegisteredCodeLocationOrigin  # a type checker takes its fields for missing
ORIGIN_OF_REPOSITORY = RemoteRepositoryOrigin(ORIGIN("here"), "__repository__")


@pytest.fixture
def instance(tmp_path):
    """One that keeps ticks, which an ephemeral one does not."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as found:
        yield found


def now():
    return datetime.now(UTC)


def names(ledger):
    return sorted(alert.labels["alertname"] for alert in standing(ledger, now()))


def test_a_failed_backfill_is_told_once_and_failing_leases_are_left_to_the_planner(ledger, instance):
    ended(instance, FAILURE)
    run = DagsterRun(job_name="__ASSET_JOB", status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    instance.report_run_failed(run, "for a test")
    for _ in range(2):
        note_failed_runs(instance, ledger, now())
    assert ledger.execute("select kind, key from outbox").fetchall() == [("run failed", run.run_id)]


def test_runs_that_kept_failing_are_over_when_one_succeeds(ledger, instance):
    ended(instance, FAILURE, FAILURE, FAILURE)
    alarms.raise_run_failing(ledger, "shop", 3, "run", None, now())
    fold(ledger, Known(), now())
    look_at_dagster(instance, ledger, NOTHING, now())
    assert names(ledger) == ["RunsFailing"]
    ended(instance, SUCCESS)
    look_at_dagster(instance, ledger, NOTHING, now())
    assert names(ledger) == []


def test_a_sensor_that_fails_is_told_while_it_does(ledger, instance):
    assert failing_sensors(instance) == {}
    for _ in range(2):
        alarms.raise_open(ledger, alarms.SENSOR_FAILING, "planner", {"error": "OSError"}, now())
        fold(ledger, Known(), now())
    assert names(ledger) == ["SensorFailing"]
    assert ledger.execute("select count(*) from outbox").fetchone() == (1,)
    look_at_dagster(instance, ledger, NOTHING, now())  # no sensor fails there
    assert names(ledger) == []


@pytest.mark.parametrize(
    ("ticks", "fails"),
    [
        ([TickStatus.FAILURE] * 3, True),
        ([TickStatus.FAILURE, TickStatus.FAILURE, TickStatus.SUCCESS], False),
        ([TickStatus.SUCCESS, TickStatus.FAILURE, TickStatus.FAILURE, TickStatus.FAILURE], True),
        ([TickStatus.FAILURE] * 2, False),
        ([TickStatus.SKIPPED] * 3, False),
    ],
)
def test_a_sensor_fails_when_its_last_ticks_all_did(instance, ticks, fails):
    origin = RemoteInstigatorOrigin(ORIGIN_OF_REPOSITORY, "planner")
    selector = origin.get_selector().get_id()
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData())
    instance.add_instigator_state(state)
    for at, status in enumerate(ticks):
        error = SerializableErrorInfo("secret", [], "OSError") if status is TickStatus.FAILURE else None
        about: Any = {"instigator_type": InstigatorType.SENSOR, "selector_id": selector, "error": error, "run_ids": []}
        instance.create_tick(TickData(origin.get_id(), "planner", status=status, timestamp=1e9 + at, **about))
    assert failing_sensors(instance) == ({"planner": "OSError"} if fails else {})


def test_a_daemon_without_a_sign_of_life_is_told_of_until_it_gives_one(ledger, instance):
    kinds = instance.get_required_daemon_types()
    for kind, silent in zip(kinds, (SILENT_AFTER * 2, *[SILENT_AFTER / 2] * len(kinds)), strict=False):
        instance.add_daemon_heartbeat(DaemonHeartbeat((now() - silent).timestamp(), kind, "1", None))
    for _ in range(2):
        look_at_dagster(instance, ledger, NOTHING, now())
        fold(ledger, Known(), now())
    (alert,) = standing(ledger, now())
    assert (alert.labels["alertname"], alert.labels["subject"]) == ("DaemonStuck", kinds[0])
    instance.add_daemon_heartbeat(DaemonHeartbeat(now().timestamp(), kinds[0], "1", None))
    look_at_dagster(instance, ledger, NOTHING, now())
    assert names(ledger) == []


def test_a_batch_that_waits_for_longer_than_promised_is_told_of_until_it_is_published(ledger_dsn, tmp_path, instance):
    declared = Catalog(pipelines={"shop": SHOP})
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as parts:
        plan_all(parts)
        for later, told in ((ORDERS.freshness / 2, []), (ORDERS.freshness * 2, ["FreshnessMissed"])):
            look_at_dagster(instance, parts.ledger, declared, now() + later)
            fold(parts.ledger, Known(), now() + later)
            assert names(parts.ledger) == told
        lease(parts)
        look_at_dagster(instance, parts.ledger, declared, now())
        assert names(parts.ledger) == []


def test_every_kind_that_lasts_is_called_as_its_alert_is():
    for kind, about in KINDS.items():
        assert not about.lasts or about.name == kind.title().replace(" ", "") or kind == "run failing"
