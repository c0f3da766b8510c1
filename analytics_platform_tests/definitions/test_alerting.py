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
from dagster._utils.error import SerializableErrorInfo

from analytics_platform.alerts.alert import Known
from analytics_platform.alerts.deliver import fold, standing
from analytics_platform.definitions.alerting import failing_sensors, look_at_dagster, note_failed_runs
from analytics_platform.ledger.postgres import alarms
from analytics_platform_tests.definitions.test_sensors import FAILURE, SUCCESS, ended
from analytics_platform_tests.ledger.test_publication import ledger

__all__ = ["ledger"]
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
    look_at_dagster(instance, ledger, now())
    assert names(ledger) == ["RunsFailing"]
    ended(instance, SUCCESS)
    look_at_dagster(instance, ledger, now())
    assert names(ledger) == []


def test_a_sensor_that_fails_is_told_while_it_does(ledger, instance):
    assert failing_sensors(instance) == {}
    for _ in range(2):
        alarms.raise_open(ledger, alarms.SENSOR_FAILING, "planner", {"error": "OSError"}, now())
        fold(ledger, Known(), now())
    assert names(ledger) == ["SensorFailing"]
    assert ledger.execute("select count(*) from outbox").fetchone() == (1,)
    look_at_dagster(instance, ledger, now())  # no sensor fails there
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
