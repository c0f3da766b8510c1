"""The run launcher: hands a run to a warm worker that waits for it, and leaves to Dagster's own what it cannot.

Named in dagster.yaml, so that daemon, webserver and code server import it: it must stay light.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.storage.dagster_run import DagsterRun
from dagster._serdes import ConfigurableClassData, serialize_value

from analytics_platform.definitions.warm.marks import Life, Marks, marks_beside
from analytics_platform.definitions.warm.protocol import ask
from analytics_platform.errors import NoWorkerError

STOCK_NOTE = "Warm worker not available ({reason}); Dagster's own launcher starts a process instead."


class WarmRunLauncher(DefaultRunLauncher):
    """Dagster's DefaultRunLauncher, but for runs that a warm worker takes.

    Args:
        socket: where the parent of warm workers listens; empty where there is none.
        cold_tags: a run that carries one of these tags always starts cold.
    """

    def __init__(
        self, socket: str = "", cold_tags: Sequence[str] = (), inst_data: ConfigurableClassData | None = None
    ) -> None:
        super().__init__(inst_data)
        self._socket = Path(socket) if socket and sys.platform == "linux" else None  # elsewhere, fork is unsafe
        self._cold_tags = frozenset(cold_tags)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """The two arguments."""
        return {
            "socket": dg.Field(dg.StringSource, is_required=False, default_value=""),
            "cold_tags": dg.Field([str], is_required=False, default_value=[]),
        }

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        """As Dagster makes it from dagster.yaml."""
        return cls(inst_data=inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hand the run to a warm worker, or start a cold one and say why."""
        run = context.dagster_run
        if self._socket is None or self._cold_tags & run.tags.keys():
            super().launch_run(context)
            return
        try:
            reference = serialize_value(self._instance.get_ref())
            ask(self._socket, {"op": "launch", "run_id": run.run_id, "instance": reference})
            self._run_ids.add(run.run_id)
        except NoWorkerError as error:
            if self._marks.claim_cold(run.run_id):  # else it was taken, and only the answer was lost
                note = STOCK_NOTE.format(reason=error.reason)
                self._instance.report_engine_event(note, run, cls=type(self))
                super().launch_run(context)

    def terminate(self, run_id: str) -> bool:
        """Interrupt the run where it is; it reports that it was cancelled."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or self._socket is None:
            return super().terminate(run_id)
        life, _ = self._marks.life(run_id)
        if life in (Life.NONE, Life.COLD):
            return super().terminate(run_id)
        self._instance.report_run_canceling(run)
        if self._marks.interrupt(run_id):
            return True
        self._instance.report_run_canceled(run, "Its worker had died before.")
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """It does, which the stock launcher does not."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the run's worker lives; of cold ones nothing is known, and no harm is assumed."""
        life, pid = self._marks.life(run.run_id) if self._socket else (Life.NONE, None)
        match life:
            case Life.ALIVE:
                return CheckRunHealthResult(WorkerStatus.RUNNING, run_worker_id=str(pid))
            case Life.GONE:
                return CheckRunHealthResult(WorkerStatus.FAILED, "its worker has died")
            case Life.NONE | Life.COLD:
                return CheckRunHealthResult(WorkerStatus.RUNNING, "no warm worker: its health is not known")

    @property
    def _marks(self) -> Marks:
        assert self._socket is not None
        return marks_beside(self._socket)
