"""What a forked process does: opens what a run needs, waits for one, executes it as Dagster would, and exits."""

import gc
import importlib
import logging
import os
import signal
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import dagster as dg
from dagster._cli.api import _execute_run_command_body
from dagster._core.instance import InstanceRef
from dagster._serdes import deserialize_value, serialize_value
from dagster._utils.interrupts import capture_interrupts

from analytics_platform.definitions.warm.protocol import listen

log = logging.getLogger(__name__)

Prepare = Callable[[], object]
WHOLE_LINE = 64 << 10


def named(prepare: str) -> Prepare:
    """The function called `module:function`."""
    module, _, function = prepare.partition(":")
    return getattr(importlib.import_module(module), function)


def wait_and_execute(control: socket.socket, prepare: Prepare) -> int:
    """Live until one run is over, or until the parent has no run for us; returns the exit code.

    From here on an interrupt waits until Dagster looks at it: a run that is terminated before it began is cancelled.
    """
    gc.unfreeze()
    with capture_interrupts():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))
        waiting = _prepared(prepare)
        given = _receive(control)
        if given is None:
            return 0
        run_id, reference, mark = given
        control.close()
        try:
            instance = waiting if waiting and serialize_value(waiting.get_ref()) == reference else _instance(reference)
            with instance:
                return _execute(run_id, instance)
        finally:
            os.close(mark)  # not before: it says that we live


def report_death(run_id: str, reference: str, how: str) -> int:
    """Tell Dagster that the run's worker has died, unless the run had ended before."""
    with _instance(reference) as instance:
        _settle(run_id, instance, how)
    return 0


def _execute(run_id: str, instance: dg.DagsterInstance) -> int:
    """As Dagster's own run worker; but a run that is terminated before it starts is cancelled, and has not failed."""
    run = instance.get_run_by_id(run_id)
    if run and run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, "It was terminated before it started.")
        return 0
    code = _execute_run_command_body(run_id, instance, partial(_stay_canceling, run_id, instance), True)
    _settle(run_id, instance, "ended before the run did")
    return code


def _stay_canceling(run_id: str, instance: dg.DagsterInstance, event: dg.DagsterEvent) -> None:
    """Say again that a run was terminated when that came just before its start, which made Dagster forget it.

    Without it the interrupt would be unexpected, and the run would have failed.
    """
    if event.event_type is not dg.DagsterEventType.PIPELINE_START:
        return
    try:
        asked = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.PIPELINE_CANCELING, limit=1).records
        if asked and (run := instance.get_run_by_id(run_id)):
            instance.report_run_canceling(run)
    except Exception:  # Dagster would end the run for it without a word
        log.warning("warm.canceling_unknown", extra={"run": run_id}, exc_info=True)


def _settle(run_id: str, instance: dg.DagsterInstance, how: str) -> None:
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, f"Its worker {how}.")
    else:
        instance.report_run_failed(run, f"Its worker {how}.")


def _prepared(prepare: Prepare) -> dg.DagsterInstance | None:
    """Open in advance what a run needs; what cannot be opened now is opened by the run, whose error then says why."""
    try:
        prepare()
        instance = dg.DagsterInstance.get()
        instance.get_run_by_id("")  # connects
        instance.get_event_records(dg.EventRecordsFilter(dg.DagsterEventType.RUN_START), limit=1)
    except Exception:
        log.warning("warm.unprepared", exc_info=True)
        return None
    return instance


def _receive(control: socket.socket) -> tuple[str, str, int] | None:
    """The run, its instance, and its mark; None when the parent hangs up."""
    first, marks, _, _ = socket.recv_fds(control, WHOLE_LINE, 1)
    if not first:
        return None
    message: dict[str, Any] = listen(control)
    return message["run_id"], message["instance"], marks[0]


def _instance(reference: str) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_ref(deserialize_value(reference, InstanceRef))
