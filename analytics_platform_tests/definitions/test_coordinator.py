"""The one coordinator under the daemon's own queue: leases never wait, a pipeline's backfills go one by one."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.test_utils import instance_for_test
from dagster._daemon.run_coordinator import QueuedRunCoordinatorDaemon

from analytics_platform.catalog import catalog_of
from analytics_platform.definitions.coordinator import LeasesAtOnce
from analytics_platform.definitions.intent import LEASE_TAG, QUEUE_TAG
from analytics_platform.definitions.location import build
from analytics_platform.settings import ROOT
from analytics_platform_tests.pipeline.orders import ORDERS, REVENUE

GRAPH = build(catalog_of([ORDERS, REVENUE])).get_repository_def().asset_graph
SILVER, TOPIC = dg.AssetKey(["orders", "silver"]), dg.AssetKey(["topic", "orders-topic"])
COORDINATOR = yaml.safe_load((ROOT / "dagster.yaml").read_text())["run_coordinator"]
LEASE = {LEASE_TAG: "shop"}
ORIGIN: Any = RegisteredCodeLocationOrigin  # a type checker takes its fields for missing
LOCATION = ORIGIN("here")
CODE = RepositoryPythonOrigin(executable_path="python", code_pointer=ModuleCodePointer("here", "defs", None))


@dataclass(frozen=True)
class Daemon:
    """The instance as dagster.yaml makes it, but for storage and launcher, and what the daemon sees of it."""

    instance: Any

    def submit(self, tags=None, assets=(SILVER,), job="__ASSET_JOB"):
        """A run that somebody asks for; its status after that."""
        run = self.instance.add_run(
            DagsterRun(
                job_name=job,
                tags=tags or {},
                status=dg.DagsterRunStatus.NOT_STARTED,
                asset_selection=frozenset(assets) or None,
                remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(LOCATION, "defs"), job),
                job_code_origin=JobPythonOrigin(job, CODE),
            )
        )
        return self.instance.submit_run(run.run_id, workspace())

    def tick(self):
        """One look of the daemon's at the queue; the runs it has started by then, in their order."""
        context: Any = SimpleNamespace(instance=self.instance, create_request_context=workspace)
        list(QueuedRunCoordinatorDaemon(interval_seconds=1).run_iteration(context))
        return self.started()

    def started(self):
        """Which runs were handed to the launcher."""
        return [run.run_id for run in self.instance.run_launcher.queue()]


def workspace() -> Any:
    """As much of a workspace as is asked for."""
    return SimpleNamespace(asset_graph=GRAPH)


@pytest.fixture
def daemon():
    launcher = {"module": "dagster._core.test_utils", "class": "MockedRunLauncher"}
    with instance_for_test(overrides={"run_coordinator": COORDINATOR, "run_launcher": launcher}) as instance:
        yield Daemon(instance)


def test_the_project_names_it_and_dagster_takes_it_for_its_own_queue(daemon):
    assert isinstance(daemon.instance.run_coordinator, LeasesAtOnce)
    assert "QUEUED_RUN_COORDINATOR" in daemon.instance.get_required_daemon_types()


def test_a_lease_is_started_when_it_is_asked_for(daemon):
    run = daemon.submit(LEASE, assets=(), job="shop")
    assert daemon.started() == [run.run_id] and QUEUE_TAG not in run.tags


def test_a_backfill_waits_in_its_pipelines_queue(daemon):
    run = daemon.submit()
    assert run.status is dg.DagsterRunStatus.QUEUED and run.tags[QUEUE_TAG] == "shop"
    assert daemon.started() == []
    assert daemon.tick() == [run.run_id]


def test_a_repeated_lease_waits_like_a_backfill(daemon):
    run = daemon.submit(LEASE | {"dagster/parent_run_id": "r0"}, assets=(), job="shop")
    assert run.status is dg.DagsterRunStatus.QUEUED and run.tags[QUEUE_TAG] == "shop"


def test_one_pipelines_backfills_go_one_by_one_and_leases_pass_them(daemon):
    first, second = daemon.submit(), daemon.submit()
    assert daemon.tick() == [first.run_id]
    lease = daemon.submit(LEASE, assets=(), job="shop")
    assert daemon.tick() == [first.run_id, lease.run_id]
    daemon.instance.report_run_failed(daemon.instance.get_run_by_id(first.run_id))
    assert daemon.tick() == [first.run_id, lease.run_id, second.run_id]


def test_looking_at_topics_waits_for_no_backfill(daemon):
    backfill, look = daemon.submit(), daemon.submit(assets=(TOPIC,))
    assert QUEUE_TAG not in look.tags
    assert daemon.tick() == [backfill.run_id, look.run_id]


def test_a_queued_run_can_be_cancelled(daemon):
    run = daemon.submit()
    assert daemon.instance.run_coordinator.cancel_run(run.run_id)
    assert daemon.tick() == []
