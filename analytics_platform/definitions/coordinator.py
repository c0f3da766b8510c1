"""The one run coordinator: leases start at once, every other run of a pipeline waits in its queue.

Named in dagster.yaml, so that daemon, webserver and code server import it: it must stay light.
"""

from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster._core.storage.dagster_run import DagsterRun, DagsterRunStatus

from analytics_platform.definitions.intent import LEASE_TAG, QUEUE_TAG, Intent, intent_of

PIPELINE_TAG = "pipeline"  # on each table's asset


class LeasesAtOnce(QueuedRunCoordinator):
    """Dagster's queue, which a lease does not enter: data would wait for the queue's next tick.

    It is a `QueuedRunCoordinator`, because the daemon starts queued runs for nothing else.
    """

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        """Start a lease, queue anything else under its pipeline's name (limits: dagster.yaml)."""
        run = context.dagster_run
        if intent_of(run.tags) is not Intent.LEASE:
            if pipeline := _pipeline_of(context):
                self._instance.add_run_tags(run.run_id, {QUEUE_TAG: pipeline})
            return super().submit_run(context)
        if run.status is DagsterRunStatus.NOT_STARTED:  # else it was submitted before
            self._instance.launch_run(run.run_id, context.workspace)
        return self._instance.get_run_by_id(run.run_id) or run


def _pipeline_of(context: SubmitRunContext) -> str | None:
    """The pipeline whose tables the run is to write: its assets know, whatever the job is called. None: no tables."""
    run, graph = context.dagster_run, context.workspace.asset_graph
    if LEASE_TAG in run.tags:  # a lease that is repeated
        return run.tags[LEASE_TAG]
    for key in sorted(run.asset_selection or ()):
        if graph.has(key) and (pipeline := graph.get(key).tags.get(PIPELINE_TAG)):
            return pipeline
    return None if run.asset_selection else run.job_name
