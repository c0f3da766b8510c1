"""A run's mark says whether its worker lives, whatever became of the parent."""

import os
import signal
import subprocess
import sys

import pytest

from analytics_platform.definitions.warm.marks import KEPT_SECONDS, Life, Marks

HOLD = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have told its children to ignore it
os.write(1, b'.')
sys.stdin.read()
"""


@pytest.fixture
def marks(tmp_path):
    return Marks(tmp_path / "runs")


def worker_of(marks, run_id):
    """A process that holds the run's mark, as a warm worker does."""
    mark = marks.claim(run_id)
    held = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[mark]
    )
    os.write(mark, str(held.pid).encode())
    os.close(mark)
    assert held.stdout is not None and held.stdout.read(1)
    return held


def test_a_run_without_a_mark_has_no_warm_worker(marks):
    assert marks.life("r1") == (Life.NONE, None)
    assert not marks.interrupt("r1")


def test_a_mark_is_alive_while_its_worker_is_and_gone_after_a_kill(marks):
    worker = worker_of(marks, "r1")
    assert marks.life("r1") == (Life.ALIVE, worker.pid)
    worker.kill()
    worker.communicate()
    assert marks.life("r1") == (Life.GONE, None)
    assert not marks.interrupt("r1")


def test_a_worker_that_lives_is_interrupted(marks):
    worker = worker_of(marks, "r1")
    assert marks.interrupt("r1")
    worker.communicate()
    assert worker.returncode == -signal.SIGINT or worker.returncode == 1


def test_only_one_gets_a_run(marks):
    mark = marks.claim("r1")
    assert marks.claim("r1") is None and not marks.claim_cold("r1")
    os.close(mark)
    assert marks.claim_cold("r2") and marks.claim("r2") is None
    assert marks.life("r2") == (Life.COLD, None)


def test_marks_are_forgotten_when_their_run_is_or_after_a_day(marks):
    os.close(marks.claim("r1"))
    marks.remove("r1")
    marks.remove("r1")
    assert marks.life("r1") == (Life.NONE, None)
    worker = worker_of(marks, "lives")
    os.close(marks.claim("dead"))
    marks.sweep()
    assert marks.life("dead")[0] is Life.GONE
    marks.sweep((marks.folder / "lives").stat().st_mtime + KEPT_SECONDS + 1)
    assert marks.life("dead")[0] is Life.NONE and marks.life("lives")[0] is Life.ALIVE
    worker.kill()
    worker.communicate()


def test_sweeping_where_nothing_ever_ran_is_nothing(marks):
    marks.sweep()
    assert not marks.folder.exists()
