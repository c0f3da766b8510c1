import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from analytics_platform.errors import LocalError
from analytics_platform.local.process import (
    Part,
    end_processes_in,
    find_running,
    free_port,
    launch,
    start_time,
    stop,
    stop_orphan,
    wait_ready,
)

SLEEPER = "import signal; open('ready', 'w').close(); signal.sigtimedwait([], 60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER


@pytest.fixture
def part(tmp_path) -> Callable[..., Part]:
    def make(program: str, **more) -> Part:
        return Part(
            name="sample",
            argv=(sys.executable, "-c", program),
            cwd=tmp_path,
            log=tmp_path / "logs" / "sample.log",
            ready=lambda: (tmp_path / "ready").exists(),
            **more,
        )

    return make


@pytest.fixture
def started() -> Generator[Callable]:
    """Launches a part, waits for it, and ends it whatever the test does."""
    with ExitStack() as stack:

        def start(part: Part):
            (part.cwd / "ready").unlink(missing_ok=True)
            popen = launch(part)
            stack.callback(lambda: stop(popen, part, 0))
            wait_ready(popen, part, 10)
            return popen

        yield start


def wait_gone(pid: int) -> bool:
    deadline, pause = time.monotonic() + 5, threading.Event()
    while start_time(pid) is not None and time.monotonic() < deadline:
        pause.wait(0.02)
    return start_time(pid) is None


def test_a_part_has_a_session_of_its_own_so_that_ctrl_c_passes_it_by(part, started):
    popen = started(part(SLEEPER))
    assert os.getsid(popen.pid) == popen.pid != os.getsid(0)


def test_what_a_part_says_is_appended_to_its_log(part, started):
    popen = started(part("print('hello', flush=True); " + SLEEPER))
    stop(popen, part(SLEEPER), 5)
    started(part("print('again', flush=True); " + SLEEPER))
    assert part("").log.read_text() == "hello\nagain\n"


def test_a_part_that_does_not_inherit_sees_nothing_of_our_environment(part, started):
    started(part("import os; print(sorted(os.environ), flush=True); " + SLEEPER, env={"ONE": "1"}, inherits=False))
    assert "PATH" not in part("").log.read_text()
    assert "'ONE'" in part("").log.read_text()


def test_a_running_part_is_found_and_not_started_twice(part, started):
    sample = part(SLEEPER)
    popen = started(sample)
    assert find_running(sample) == popen.pid
    with pytest.raises(LocalError, match="already runs"):
        launch(sample)


def test_a_pid_that_means_another_process_by_now_is_not_taken_for_the_part(part, started):
    sample = part(SLEEPER)
    started(sample)
    sample.pid_file.write_text(json.dumps({"pid": os.getpid(), "started": "an-earlier-boot/1"}))
    assert find_running(sample) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_record_that_was_cut_short_is_no_running_part(part, tmp_path, text):
    sample = part(SLEEPER)
    sample.log.parent.mkdir()
    sample.pid_file.write_text(text)
    assert find_running(sample) is None


def test_a_part_that_dies_while_starting_is_reported_with_the_end_of_its_log(part):
    sample = part("raise SystemExit('no such table')")
    with pytest.raises(LocalError, match="ended with code 1 while starting: no such table"):
        wait_ready(launch(sample), sample, 10)


def test_a_part_that_never_serves_is_reported(part):
    sample = part("import signal; signal.sigtimedwait([], 60)")
    popen = launch(sample)
    with pytest.raises(LocalError, match="not ready after 0 s"):
        wait_ready(popen, sample, 0.1)
    stop(popen, sample, 5)


def test_a_program_that_does_not_exist_is_reported(part, tmp_path):
    missing = Part(name="x", argv=("/nonexistent",), cwd=tmp_path, log=tmp_path / "x.log", ready=lambda: True)
    with pytest.raises(LocalError, match="/nonexistent cannot be started"):
        launch(missing)


def test_a_part_is_asked_by_its_own_signal(part, started):
    handler = "import signal, sys; signal.signal(signal.SIGINT, lambda *_: sys.exit(7)); "
    sample = part(handler + SLEEPER, stop_signal=signal.SIGINT)
    assert stop(started(sample), sample, 5) == 7
    assert not sample.pid_file.exists()


def test_a_part_that_will_not_end_is_killed_with_its_children(part, started, tmp_path):
    forks = "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); child = os.fork(); "
    writes = "child and open('child', 'w').write(str(child)); "
    sample = part(forks + writes + SLEEPER)
    popen = started(sample)
    assert stop(popen, sample, 0.2) == -signal.SIGKILL
    assert wait_gone(int((tmp_path / "child").read_text()))


@pytest.mark.parametrize("program", [SLEEPER, STUBBORN])
def test_what_a_killed_supervisor_left_is_ended_by_the_next(part, started, program):
    sample = part(program)
    popen = started(sample)
    assert stop_orphan(sample, 0.5)
    assert start_time(popen.pid) is None
    assert not stop_orphan(sample, 0.5)


def test_a_process_without_a_record_is_found_by_its_folder(part, started, tmp_path):
    popen = started(part(SLEEPER))
    executable = Path(f"/proc/{popen.pid}/exe").readlink().name
    end_processes_in(tmp_path, executable="another", gentle=signal.SIGTERM, patience=0.2)
    assert start_time(popen.pid) is not None
    end_processes_in(tmp_path, executable=executable, gentle=signal.SIGTERM, patience=0.2)
    assert start_time(popen.pid) is None


def test_a_large_log_is_set_aside_at_the_next_start(part, started):
    sample = part(SLEEPER)
    sample.log.parent.mkdir()
    with sample.log.open("wb") as log:
        log.truncate(30_000_000)
    started(sample)
    assert sample.log.stat().st_size == 0
    assert sample.log.with_name("sample.log.1").stat().st_size == 30_000_000


def test_a_taken_port_moves_to_the_next_free_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) > port


def test_a_port_taken_on_all_addresses_counts_as_taken():
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        assert free_port(taken.getsockname()[1]) != taken.getsockname()[1]


def test_a_port_promised_to_another_part_is_avoided():
    port = free_port(0)
    assert free_port(port, avoid={port}) > port


def test_no_free_port_is_reported():
    with pytest.raises(LocalError, match="none free from 65535 on"):
        free_port(65535, avoid={65535})
