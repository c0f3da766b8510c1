"""A proof sees an instance from outside: by marks in /proc and by what listens."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from analytics_platform_tests.proofs.instances import DrivenInstance, folder_of, kill, listens

UNTIL_STDIN_CLOSES = "import sys; print('ready', flush=True); sys.stdin.read()"


@pytest.fixture
def instance(tmp_path):
    return DrivenInstance(clone=tmp_path, state_dir=tmp_path / ".state", jars=tmp_path, base_port=4000)


@pytest.fixture
def marked(instance):
    """A process that says it is the broker of that instance."""
    marks = {"AP_INSTANCE": str(instance.state_dir), "AP_PART": "broker"}
    argv = [sys.executable, "-c", UNTIL_STDIN_CLOSES]
    with subprocess.Popen(
        argv, env={**os.environ, **marks}, cwd=instance.clone, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_process_is_found_by_its_mark_until_it_is_killed(instance, marked):
    assert instance.processes() == {marked.pid: "broker"}
    assert folder_of(marked.pid) == instance.clone
    kill(marked.pid)
    assert instance.processes() == {}


def test_a_process_of_another_instance_is_not_ours(instance, marked):
    other = DrivenInstance(clone=instance.clone, state_dir=Path("/elsewhere"), jars=instance.jars, base_port=4000)
    assert marked.pid not in other.processes()


def test_pids_are_those_of_parts_that_run(instance):
    parts = {"broker": {"state": "up", "pid": 7}, "daemon": {"state": "down", "pid": 8}}
    instance.state_dir.mkdir()
    (instance.state_dir / "instance.json").write_text(json.dumps({"supervisor": 5, "parts": parts}))
    assert instance.pids() == {"ap up": 5, "broker": 7}


def test_a_port_listens_only_while_it_is_bound():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listens(port)
    assert not listens(port)
