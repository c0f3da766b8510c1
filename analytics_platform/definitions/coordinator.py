"""The one run coordinator: leases start at once, every other run of a pipeline waits in its queue.

Named in dagster.yaml, so that daemon, webserver and code server import it: it must stay light.
"""

import getpass
import logging
import sys
from typing import Any

from dagster import DagsterInstance
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster._core.storage.dagster_run import DagsterRun, DagsterRunStatus

from analytics_platform.definitions.asked import asked_at_the_ui, asked_elsewhere
from analytics_platform.definitions.intent import LEASE_TAG, QUEUE_TAG, Intent, intent_of

PIPELINE_TAG = "pipeline"  # on each table's asset
STOCK_LOOP_SECONDS = 5  # how often Dagster's daemon looks which sensors are due; no setting changes it
LOOP_SECONDS = 0.5

log = logging.getLogger(__name__)


class LeasesAtOnce(QueuedRunCoordinator):
    """Dagster's queue, which a lease does not enter: data would wait for the queue's next tick.

    It is a `QueuedRunCoordinator`, because the daemon starts queued runs for nothing else.
    """

    def register_instance(self, instance: DagsterInstance) -> None:
        """Called once in each process that has a coordinator, and so in the daemon."""
        super().register_instance(instance)
        quicken_sensors()

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        """Start a lease, queue anything else under its pipeline's name (limits: dagster.yaml); each with who asked."""
        run = context.dagster_run
        if asked := _asked(context):
            self._instance.add_run_tags(run.run_id, asked)
        if intent_of(run.tags) is not Intent.LEASE:
            if pipeline := _pipeline_of(context):
                self._instance.add_run_tags(run.run_id, {QUEUE_TAG: pipeline})
            return super().submit_run(context)
        if run.status is DagsterRunStatus.NOT_STARTED:  # else it was submitted before
            self._instance.launch_run(run.run_id, context.workspace)
        return self._instance.get_run_by_id(run.run_id) or run


def quicken_sensors() -> bool:
    """Have the daemon start the planner's next tick when the last one is over, not up to 5 s later.

    A private constant of Dagster's, read in each round (decisions/0017): where it is not what it was, it is left alone,
    and what comes just after a lease was asked for may wait those seconds. A test tells.
    """
    sensor: Any = sys.modules.get("dagster._daemon.sensor")
    if sensor is None:  # not the daemon
        return False
    if getattr(sensor, "MIN_INTERVAL_LOOP_TIME", None) not in (STOCK_LOOP_SECONDS, LOOP_SECONDS):
        log.warning("sensors.stock_cadence", extra={"reason": "Dagster's daemon has changed"})
        return False
    sensor.MIN_INTERVAL_LOOP_TIME = LOOP_SECONDS
    return True


def asked_of(source: Any) -> dict[str, str]:
    """The tags of what is asked for by a request to the UI; `source` is the request."""
    from analytics_platform.settings import read_settings  # not at the import: only who has a user pays for psycopg

    header = read_settings().ui_user_header
    headers = getattr(source, "headers", {})
    return asked_at_the_ui(headers.get(header) if header else None, header, getpass.getuser())


def _asked(context: SubmitRunContext) -> dict[str, str]:
    """Who asked for the run, unless it says so truly already."""
    source = getattr(context.workspace, "source", None)
    if source is not None:
        return asked_of(source)
    return asked_elsewhere(context.dagster_run.tags, getpass.getuser())


def _pipeline_of(context: SubmitRunContext) -> str | None:
    """The pipeline whose tables the run is to write: its assets know, whatever the job is called. None: no tables."""
    run, graph = context.dagster_run, context.workspace.asset_graph
    if LEASE_TAG in run.tags:  # a lease that is repeated
        return run.tags[LEASE_TAG]
    for key in sorted(run.asset_selection or ()):
        if graph.has(key) and (pipeline := graph.get(key).tags.get(PIPELINE_TAG)):
            return pipeline
    return None if run.asset_selection else run.job_name
