"""A code location for warm workers: jobs that end, fail, wait, and tell what they find around them."""

import os
import threading
from pathlib import Path

import dagster as dg
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor

NOTES = Path(os.environ.get("WARM_NOTES", "/nonexistent"))
STARTING, GO = "starting", "go"
PREPARED: list[int] = []


def prepare() -> None:
    """What a child opens before it has a run."""
    PREPARED.append(os.getpid())


@dg.op
def says(context: dg.OpExecutionContext) -> None:
    """Note that it ran: in which process, and what was prepared there."""
    print("said on standard output")  # noqa: T201 - for the compute log
    note = NOTES / context.run_id
    note.write_text(f"{os.getpid()} {PREPARED}")


@dg.op
def fails() -> None:
    """Fail."""
    raise ValueError("for a test")


@dg.op
def waits(context: dg.OpExecutionContext) -> None:
    """Wait until somebody ends it."""
    (NOTES / context.run_id).write_text(str(os.getpid()))
    threading.Event().wait(60)


@dg.executor(name="late")
def late(_: dg.InitExecutorContext) -> InProcessExecutor:
    """Not there before somebody says so: until then the run has not started."""
    (NOTES / STARTING).touch()
    while not (NOTES / GO).exists():
        threading.Event().wait(0.02)
    return InProcessExecutor(RetryMode.DISABLED)


@dg.job(executor_def=dg.in_process_executor)
def saying() -> None:
    """Ends well."""
    says()


@dg.job(executor_def=dg.in_process_executor)
def failing() -> None:
    """Ends badly."""
    fails()


@dg.job(executor_def=dg.in_process_executor)
def waiting() -> None:
    """Does not end by itself."""
    waits()


@dg.job(executor_def=late)
def starting_late() -> None:
    """Starts when it is told to, and does not end by itself."""
    waits()


defs = dg.Definitions(jobs=[saying, failing, waiting, starting_late])
