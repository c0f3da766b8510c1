"""`ap up` from start to end, over the real parts."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from analytics_platform.local.instance import PartState, load_instance, supervisor_pid
from analytics_platform.local.leftovers import find_leftovers
from analytics_platform.settings import ROOT, read_settings

BASE_PORT = "24100"


@dataclass(frozen=True)
class Ap:
    """Runs `ap` on an instance of its own."""

    state_dir: Path

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        jars = str(read_settings().jar_dir)
        environment = {**os.environ, "AP_STATE_DIR": str(self.state_dir), "AP_JAR_DIR": jars}
        argv = [sys.executable, "-m", "analytics_platform.cli", *arguments]
        return subprocess.run(argv, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.fixture
def ap(tmp_path_factory):
    instance = Ap(tmp_path_factory.mktemp("up"))
    yield instance
    instance("down")


def wait_for(reached: Callable[[], bool], seconds: float) -> None:
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not reached():
        if time.monotonic() > deadline:
            pytest.fail(f"not reached in {seconds} s")
        pause.wait(0.2)


def is_healthy(state_dir) -> bool:
    pid, instance = supervisor_pid(state_dir), load_instance(state_dir)
    fine = (PartState.UP, PartState.DONE)
    return pid is not None and instance.supervisor == pid and all(p.state in fine for p in instance.parts.values())


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def published(ap) -> int:
    done = ap("sql", "select count(*) as n from highest_bid", "--json")
    return json.loads(done.stdout)[0]["n"] if done.returncode == 0 else 0


def test_an_instance_survives_the_death_of_any_process_and_of_its_supervisor(ap):
    started = ap("up", "--detach", "--no-webserver", "--base-port", BASE_PORT)
    assert started.returncode == 0, started.stderr
    wait_for(lambda: published(ap) > 0, 30)

    again = ap("up")
    assert "already up" in again.stderr
    assert again.returncode == 0

    parts = load_instance(ap.state_dir).parts
    for name in ("producer", "code-server", "broker"):
        kill(parts[name].pid)
    wait_for(lambda: all(load_instance(ap.state_dir).parts[n].restarts for n in ("producer", "broker")), 20)
    wait_for(lambda: is_healthy(ap.state_dir), 60)

    kill(supervisor_pid(ap.state_dir))
    wait_for(lambda: supervisor_pid(ap.state_dir) is None, 5)
    assert ap("status").returncode == 2
    assert ap("doctor").returncode == 1
    recovered = ap("up", "--detach", "--no-webserver")
    assert recovered.returncode == 0, recovered.stderr
    assert load_instance(ap.state_dir).ports["broker"] >= int(BASE_PORT)

    assert ap("down").returncode == 0
    assert find_leftovers(ap.state_dir) == []
    assert ap("status").returncode == 2
