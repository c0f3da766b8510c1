"""The planner at work: one pipeline's trouble stays its own, and failures in a row are waited for and told once."""

import logging
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import dagster as dg
import psycopg
import pytest
from dagster._core.storage.dagster_run import DagsterRun
from deltalake.exceptions import DeltaError

from analytics_platform.definitions import lease_request, sensors
from analytics_platform.definitions.intent import LEASE_TAG
from analytics_platform.definitions.resources import KeptParts
from analytics_platform.definitions.sensors import Planner, failed_in_a_row
from analytics_platform.local.supervisor import STOP_SECONDS
from analytics_platform_tests.pipeline.orders import SHOP, kafka_with, opened, order

SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE
BROKEN = replace(SHOP, name="broken")


class Prepared(KeptParts):
    """Parts as a test has made them, or the error that opening them raises."""

    def __init__(self, by_name):
        super().__init__()
        self.by_name = by_name

    @contextmanager
    def of(self, pipeline):
        """What was prepared."""
        found = self.by_name[pipeline.name]
        if isinstance(found, Exception):
            raise found
        yield found


@pytest.fixture
def parts(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as found:
        yield found


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def ended(instance, *statuses, pipeline="shop"):
    """Runs that ended like that, oldest first."""
    for status in statuses:
        run = DagsterRun(job_name=pipeline, tags={LEASE_TAG: pipeline}, status=dg.DagsterRunStatus.STARTED)
        instance.add_run(run)
        if status is FAILURE:
            instance.report_run_failed(run, "for a test")
        else:
            instance.report_dagster_event(dg.DagsterEvent("PIPELINE_SUCCESS", pipeline), run.run_id)


def alarms(parts):
    return parts.ledger.execute("select key, (body ->> 'failed_in_a_row')::int from outbox").fetchall()


@pytest.mark.parametrize(
    "error", [DeltaError("damaged: secret"), OSError("disk: secret"), psycopg.DataError("secret"), KeyError("secret")]
)
def test_any_error_of_one_pipeline_leaves_the_others_planned(parts, instance, caplog, error):
    planner = Planner([BROKEN, SHOP], Prepared({"broken": error, "shop": parts}))
    with caplog.at_level(logging.ERROR):
        requests, problems = planner.tick(instance)
    assert [request.job_name for request in requests] == ["shop"]
    (problem,) = problems
    assert problem.startswith(f"broken: planning failed with {type(error).__name__}") and "secret" not in problem
    (logged,) = [record for record in caplog.records if record.message == "planning.failed"]
    assert logged.exc_info and logged.exc_info[1] is error and vars(logged)["pipeline"] == "broken"


def test_an_idle_tick_is_over_before_the_supervisor_loses_its_patience_with_the_daemon():
    assert sensors.LISTEN_SECONDS + 1 < STOP_SECONDS


def test_failures_are_counted_since_the_last_success_of_that_pipeline(instance):
    ended(instance, FAILURE, SUCCESS, FAILURE, FAILURE)
    ended(instance, FAILURE, pipeline="other")
    assert len(failed_in_a_row(instance, "shop")) == 2
    ended(instance, SUCCESS)
    assert failed_in_a_row(instance, "shop") == []


def test_the_first_failure_is_retried_in_the_same_second(parts, instance):
    ended(instance, FAILURE)
    requests, problems = Planner([SHOP], Prepared({"shop": parts})).tick(instance)
    assert len(requests) == 1 and not problems and not alarms(parts)


def test_the_third_failure_in_a_row_waits_and_is_told_once(parts, instance):
    ended(instance, SUCCESS, FAILURE, FAILURE, FAILURE)
    planner = Planner([SHOP], Prepared({"shop": parts}))
    requests, (problem,) = planner.tick(instance)
    last = instance.get_run_records(limit=1)[0].dagster_run.run_id
    assert not requests
    assert problem == f"shop: waiting 8 s after 3 failed runs in a row; see the last one: {last}"
    ended(instance, FAILURE)
    planner.tick(instance)
    Planner([SHOP], Prepared({"shop": parts})).tick(instance)
    assert alarms(parts) == [("shop", 3)]


def test_trouble_after_a_success_is_told_anew(parts, instance):
    planner = Planner([SHOP], Prepared({"shop": parts}))
    for _ in range(2):
        ended(instance, FAILURE, FAILURE, FAILURE)
        planner.tick(instance)
        ended(instance, SUCCESS)
    assert alarms(parts) == [("shop", 3), ("shop", 3)]


def test_a_run_that_never_came_up_is_given_up_though_there_is_nothing_to_read(
    ledger_dsn, tmp_path, instance, monkeypatch
):
    monkeypatch.setattr(lease_request, "UNSTARTED_AFTER", timedelta(0))
    with opened(ledger_dsn, tmp_path, kafka_with([[], []])) as parts:
        planner = Planner([SHOP], Prepared({"shop": parts}))
        for every in (sensors.LOST_EVERY, timedelta(0)):  # at once, and again when it is time
            monkeypatch.setattr(sensors, "LOST_EVERY", every)
            run = DagsterRun(job_name="shop", tags={LEASE_TAG: "shop"}, status=dg.DagsterRunStatus.STARTING)
            instance.add_run(run)
            assert planner.tick(instance) == ([], [])
            assert instance.get_run_by_id(run.run_id).status is FAILURE
