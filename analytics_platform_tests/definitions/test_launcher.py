"""The warm launcher over a real parent: runs end as they should, whoever is killed, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.errors import DagsterInvariantViolationError
from dagster._core.launcher.base import LaunchRunContext, WorkerStatus
from dagster._core.test_utils import instance_for_test

from analytics_platform.definitions.warm.marks import Life, marks_beside
from analytics_platform.definitions.warm.protocol import ask
from analytics_platform.settings import ROOT
from analytics_platform_tests.definitions import warm_location

LOCATION = "analytics_platform_tests.definitions.warm_location"
SECONDS = 150.0  # a busy machine takes a minute to import Dagster
SUCCESS, FAILURE, CANCELED = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED


def eventually(holds, what):
    """Poll until it holds."""
    deadline = time.monotonic() + SECONDS
    while not (found := holds()):
        assert time.monotonic() < deadline, f"not within {SECONDS:.0f} s: {what}"
        threading.Event().wait(0.02)
    return found


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@dataclass
class Warm:
    """A parent, an instance that launches into it, and the folder where runs leave notes."""

    instance: dg.DagsterInstance
    socket: Path
    notes: Path
    process: subprocess.Popen

    def launch(self, job, **tags):
        run = self.instance.create_run_for_job(
            getattr(warm_location, job),
            job_code_origin=dg.reconstructable(getattr(warm_location, job)).get_python_origin(),
            tags=tags,
        )
        self.instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
        return run.run_id

    def status(self, run_id):
        run = self.instance.get_run_by_id(run_id)
        return run.status if run else None

    def ends(self, run_id, status):
        eventually(lambda: self.status(run_id) in (SUCCESS, FAILURE, CANCELED), f"{run_id} ends")
        assert self.status(run_id) is status, self.messages(run_id)

    def note(self, run_id):
        return eventually(lambda: (self.notes / run_id).exists() and (self.notes / run_id).read_text(), "a note")

    def report(self):
        return ask(self.socket, {"op": "report"})

    def idle(self):
        return eventually(lambda: self.report().get("idle"), "a child that waits")

    def messages(self, run_id):
        found = [entry.dagster_event for entry in self.instance.all_logs(run_id)]
        return [event.message or "" for event in found if event]


def start_parent(socket, notes, *options):
    environment = {**os.environ, "WARM_NOTES": str(notes), "DAGSTER_HOME": str(notes)}
    argv = [sys.executable, "-W", "ignore", "-m", "analytics_platform.definitions.warm", "--socket", str(socket)]
    argv += ["--module", LOCATION, "--prepare", f"{LOCATION}:prepare", *options]
    process = subprocess.Popen(argv, cwd=ROOT, env=environment)
    eventually(socket.is_socket, "the parent listens")
    return process


@contextmanager
def running(folder, *options):
    folder.mkdir(parents=True, exist_ok=True)
    launcher = {
        "module": "analytics_platform.definitions.launcher",
        "class": "WarmRunLauncher",
        "config": {"socket": str(folder / "warm.sock"), "cold_tags": ["cold"]},
    }
    process = start_parent(folder / "warm.sock", folder, *options)
    with instance_for_test(overrides={"run_launcher": launcher, "run_monitoring": {"enabled": True}}) as instance:
        warm = Warm(instance, folder / "warm.sock", folder, process)
        try:
            yield warm
        finally:
            warm.process.terminate()
            warm.process.wait(SECONDS)


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    with running(tmp_path_factory.mktemp("warm")) as found:
        yield found


def test_a_run_is_executed_by_the_child_that_waited_and_was_prepared(warm):
    waiting = warm.idle()
    run_id = warm.launch("saying")
    warm.ends(run_id, SUCCESS)
    assert warm.note(run_id) == f"{waiting} [{waiting}]"
    assert eventually(lambda: not lives(waiting), "it exits")
    assert warm.idle() != waiting


def test_what_a_run_prints_is_in_its_compute_log(warm):
    run_id = warm.launch("saying")
    warm.ends(run_id, SUCCESS)
    captured = next(e for e in warm.instance.all_logs(run_id) if e.dagster_event and e.dagster_event.is_step_start)
    assert captured
    event = next(
        e.dagster_event.logs_captured_data
        for e in warm.instance.all_logs(run_id)
        if e.dagster_event and e.dagster_event.event_type is dg.DagsterEventType.LOGS_CAPTURED
    )
    log = warm.instance.compute_log_manager.get_log_data([run_id, "compute_logs", event.file_key])
    assert b"said on standard output" in log.stdout


def test_a_run_that_fails_is_reported_by_itself(warm):
    run_id = warm.launch("failing")
    warm.ends(run_id, FAILURE)
    assert any("for a test" in str(e.dagster_event) for e in warm.instance.all_logs(run_id))


def test_a_run_can_be_terminated(warm):
    run_id = warm.launch("waiting")
    pid = int(warm.note(run_id))
    assert warm.instance.run_launcher.terminate(run_id)
    warm.ends(run_id, CANCELED)
    eventually(lambda: not lives(pid), "its worker exits")


def test_a_run_terminated_before_it_began_is_cancelled(warm):
    run_id = warm.launch("waiting")
    assert warm.instance.run_launcher.terminate(run_id)
    warm.ends(run_id, CANCELED)


def test_a_run_terminated_just_before_it_starts_is_cancelled(warm):
    run_id = warm.launch("starting_late")
    eventually((warm.notes / warm_location.STARTING).exists, "the run is about to start")
    assert warm.instance.run_launcher.terminate(run_id)
    (warm.notes / warm_location.GO).touch()
    warm.ends(run_id, CANCELED)


def test_a_run_that_has_ended_cannot_be_terminated(warm):
    run_id = warm.launch("saying")
    warm.ends(run_id, SUCCESS)
    assert not warm.instance.run_launcher.terminate(run_id)


def test_a_killed_worker_is_noticed_at_once_and_its_run_has_failed(warm):
    run_id = warm.launch("waiting")
    pid = int(warm.note(run_id))
    assert warm.instance.run_launcher.check_run_worker_health(run_of(warm, run_id)).status is WorkerStatus.RUNNING
    os.kill(pid, signal.SIGKILL)
    warm.ends(run_id, FAILURE)
    assert any(f"(process {pid}) was ended by SIGKILL" in message for message in warm.messages(run_id))
    assert warm.instance.run_launcher.check_run_worker_health(run_of(warm, run_id)).status is WorkerStatus.FAILED


def test_many_runs_at_once_all_end(warm):
    runs = [warm.launch("saying") for _ in range(8)]
    for run_id in runs:
        warm.ends(run_id, SUCCESS)
    eventually(lambda: not warm.report()["running"], "no worker is left")
    assert all(marks_beside(warm.socket).life(run_id)[0] is Life.NONE for run_id in runs)


def test_a_run_is_launched_once(warm):
    run_id = warm.launch("waiting")
    again = {"op": "launch", "run_id": run_id, "instance": ""}
    with pytest.raises(Exception, match="was launched before"):
        ask(warm.socket, again)
    warm.instance.run_launcher.terminate(run_id)
    warm.ends(run_id, CANCELED)


def test_a_tag_sends_a_run_to_the_stock_launcher(warm):
    with pytest.raises(DagsterInvariantViolationError, match="DefaultRunLauncher requires a workspace"):
        warm.launch("saying", cold="yes")


def test_the_parent_has_one_thread(warm):
    assert len(list(Path(f"/proc/{warm.report()['pid']}/task").iterdir())) == 1


def test_runs_outlive_a_killed_parent_and_can_still_be_terminated(tmp_path):
    with running(tmp_path) as warm:
        waiting = warm.idle()
        ends, lasts = warm.launch("waiting"), warm.launch("waiting")
        pids = [int(warm.note(run_id)) for run_id in (ends, lasts)]
        idle = warm.idle()
        warm.process.kill()
        warm.process.wait()
        assert waiting in pids and all(map(lives, pids))
        eventually(lambda: not lives(idle), "the child without a run goes with its parent")
        assert warm.instance.run_launcher.terminate(ends)
        warm.ends(ends, CANCELED)
        os.kill(pids[1], signal.SIGKILL)
        health = eventually(lambda: failed(warm, lasts), "the health check sees it")
        assert health.msg == "its worker has died"
        warm.instance.report_run_failed(run_of(warm, lasts))  # as run monitoring does then


def test_without_a_parent_the_stock_launcher_takes_over_and_says_so(tmp_path):
    with running(tmp_path) as warm:
        warm.process.kill()
        warm.process.wait()
        with pytest.raises(DagsterInvariantViolationError, match="DefaultRunLauncher requires a workspace"):
            warm.launch("saying")
        (run,) = warm.instance.get_runs()
        assert any("Warm worker not available (" in message for message in warm.messages(run.run_id))
        assert warm.instance.run_launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING


def test_a_parent_that_is_told_to_stop_interrupts_its_runs(tmp_path):
    with running(tmp_path) as warm:
        run_id = warm.launch("waiting")
        warm.note(run_id)
        warm.process.terminate()
        assert warm.process.wait(SECONDS) == 0
        assert warm.status(run_id) is FAILURE and not warm.socket.exists()


def run_of(warm, run_id):
    return warm.instance.get_run_by_id(run_id)


def failed(warm, run_id):
    health = warm.instance.run_launcher.check_run_worker_health(run_of(warm, run_id))
    return health if health.status is WorkerStatus.FAILED else None
