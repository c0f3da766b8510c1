"""The one coordinator under the daemon's own queue: leases never wait, a pipeline's backfills go one by one."""

import getpass
import inspect
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
from dagster._core.workspace.context import WorkspaceRequestContext
from dagster._daemon.run_coordinator import QueuedRunCoordinatorDaemon
from dagster_graphql.implementation.execution import backfill

from analytics_platform.catalog import catalog_of
from analytics_platform.definitions.asked import ASKED_TAG, KNOWN_TAG, NO_PROXY, PLANNER
from analytics_platform.definitions.coordinator import LeasesAtOnce
from analytics_platform.definitions.intent import LEASE_TAG, QUEUE_TAG
from analytics_platform.definitions.location import build
from analytics_platform.definitions.webserver import name_viewers
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

    def submit(self, tags=None, assets=(SILVER,), job="__ASSET_JOB", source=None):
        """A run that somebody asks for, at the UI if there is a `source`; it, after that."""
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
        return self.instance.submit_run(run.run_id, workspace(source))

    def tick(self):
        """One look of the daemon's at the queue; the runs it has started by then, in their order."""
        context: Any = SimpleNamespace(instance=self.instance, create_request_context=workspace)
        list(QueuedRunCoordinatorDaemon(interval_seconds=1).run_iteration(context))
        return self.started()

    def started(self):
        """Which runs were handed to the launcher."""
        return [run.run_id for run in self.instance.run_launcher.queue()]


def workspace(source=None) -> Any:
    """As much of a workspace as is asked for."""
    return SimpleNamespace(asset_graph=GRAPH, source=source)


def request(**headers: str) -> Any:
    """As much of a request to the webserver as is asked for."""
    return SimpleNamespace(headers=headers)


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


def asked(run):
    """Who asked for it, and how that is known, after its submission."""
    return run.tags[ASKED_TAG], run.tags[KNOWN_TAG]


def test_a_run_from_the_ui_carries_the_user_that_the_proxy_names_whatever_its_tags_say(daemon, monkeypatch):
    monkeypatch.setenv("AP_UI_USER_HEADER", "x-forwarded-email")
    run = daemon.submit({**PLANNER, "dagster/sensor_name": "planner"}, source=request(**{"x-forwarded-email": "ana@x"}))
    assert asked(daemon.instance.get_run_by_id(run.run_id)) == ("ana@x", "header x-forwarded-email")


def test_without_a_proxy_a_run_is_asked_for_by_the_account_of_the_ui(daemon, monkeypatch):
    monkeypatch.setenv("AP_UI_USER_HEADER", "")
    run = daemon.submit(source=request(**{"x-forwarded-email": "ana@x"}))
    assert asked(daemon.instance.get_run_by_id(run.run_id)) == (getpass.getuser(), NO_PROXY)


def test_no_run_is_without_a_name(daemon):
    for tags, name in (({}, getpass.getuser()), ({"dagster/backfill": "b1"}, "b1"), ({**LEASE, **PLANNER}, "planner")):
        assert asked(daemon.instance.get_run_by_id(daemon.submit(tags).run_id))[0] == name


def test_a_backfill_from_the_ui_is_named_by_a_method_that_dagster_still_calls(monkeypatch):
    monkeypatch.setenv("AP_UI_USER_HEADER", "x-forwarded-email")
    assert "get_viewer_tags()" in inspect.getsource(backfill)
    monkeypatch.setattr(WorkspaceRequestContext, "get_viewer_tags", WorkspaceRequestContext.get_viewer_tags)
    name_viewers()
    context: Any = SimpleNamespace(source=request(**{"x-forwarded-email": "ana@x"}))
    assert WorkspaceRequestContext.get_viewer_tags(context)[ASKED_TAG] == "ana@x"
