"""The supervisor, over real but tiny processes."""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from analytics_platform.local.instance import MARKER, PART, PartState
from analytics_platform.local.leftovers import end_leftovers, find_leftovers
from analytics_platform.local.process import Part
from analytics_platform.local.supervisor import START_SECONDS, Member, Supervisor, stages

SLEEP = (sys.executable, "-c", "import signal; signal.pause()")


def a_part(folder: Path, name: str, argv: tuple[str, ...] = SLEEP, **more) -> Part:
    env = {MARKER: str(folder), PART: name}
    defaults: dict[str, Any] = {"cwd": folder, "log": folder / f"{name}.out", "ready": lambda: True, "env": env}
    return Part(name=name, argv=argv, **{**defaults, **more})


def tick_until(supervisor: Supervisor, done, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        supervisor.tick()
        if time.monotonic() > deadline:
            pytest.fail(f"not reached in {seconds} s: { {n: p.state for n, p in supervisor.parts.items()} }")


@pytest.fixture
def events():
    return []


@pytest.fixture
def supervise(events):
    started: list[Supervisor] = []

    def start(*members: Member) -> Supervisor:
        started.append(Supervisor(members, lambda event, facts: events.append((event, facts["part"]))))
        return started[-1]

    yield start
    for supervisor in started:
        supervisor.stop()


def test_a_part_starts_only_when_all_it_needs_is_up(tmp_path, supervise):
    flag = tmp_path / "ready"
    first = Member(part=a_part(tmp_path, "first", ready=flag.exists))
    supervisor = supervise(first, Member(part=a_part(tmp_path, "second"), after=("first",)))
    for _ in range(3):
        supervisor.tick()
    assert supervisor.parts["second"].state == PartState.WAITING
    flag.touch()
    tick_until(supervisor, lambda: supervisor.is_healthy)
    assert supervisor.parts["second"].state == PartState.UP


def test_a_killed_part_is_started_again(tmp_path, supervise):
    supervisor = supervise(Member(part=a_part(tmp_path, "only")))
    tick_until(supervisor, lambda: supervisor.is_healthy)
    killed = supervisor.parts["only"].process.pid
    os.kill(killed, signal.SIGKILL)
    tick_until(supervisor, lambda: supervisor.parts["only"].restarts == 1 and supervisor.is_healthy)
    assert supervisor.parts["only"].process.pid != killed


def test_a_part_that_keeps_ending_is_tried_less_and_less_often(tmp_path, supervise):
    supervisor = supervise(Member(part=a_part(tmp_path, "broken", (sys.executable, "-c", "1/0"), ready=lambda: False)))
    tick_until(supervisor, lambda: supervisor.parts["broken"].restarts == 2)
    assert supervisor.parts["broken"].pause == 2.0


def test_a_part_is_given_up_that_does_not_answer_and_a_task_may_take_its_time(tmp_path, supervise, events):
    task, silent = a_part(tmp_path, "task"), a_part(tmp_path, "silent", ready=lambda: False)
    supervisor = supervise(Member(part=task, is_task=True), Member(part=silent))
    supervisor.tick()
    now = supervisor.clock() + START_SECONDS + 1
    supervisor.clock = lambda: now
    supervisor.tick()
    assert [supervisor.parts[name].restarts for name in ("task", "silent")] == [0, 1]


def test_a_task_that_ends_well_lets_others_start(tmp_path, supervise):
    task = Member(part=a_part(tmp_path, "task", (sys.executable, "-c", "")), is_task=True)
    supervisor = supervise(task, Member(part=a_part(tmp_path, "after"), after=("task",)))
    tick_until(supervisor, lambda: supervisor.is_healthy)
    assert supervisor.parts["task"].state == PartState.DONE


def test_a_task_that_is_done_already_is_left_out(tmp_path, supervise):
    task = Member(part=a_part(tmp_path, "task"), is_task=True, is_done=lambda: True)
    supervisor = supervise(task)
    supervisor.tick()
    assert supervisor.parts["task"].state == PartState.DONE
    assert supervisor.parts["task"].process is None


def test_stopping_ends_dependants_first(tmp_path, supervise, events):
    supervisor = supervise(Member(part=a_part(tmp_path, "a")), Member(part=a_part(tmp_path, "b"), after=("a",)))
    tick_until(supervisor, lambda: supervisor.is_healthy)
    supervisor.stop()
    assert [part for event, part in events if event == "part.stopped"] == ["b", "a"]


def test_stages_put_each_name_after_what_it_needs(tmp_path):
    parts = [Member(part=a_part(tmp_path, "x")), Member(part=a_part(tmp_path, "y"), after=("x",))]
    assert stages([*parts, Member(part=a_part(tmp_path, "z"))]) == [["x", "z"], ["y"]]


def test_a_process_that_outlives_its_supervisor_is_found_and_ended(tmp_path, supervise):
    supervisor = supervise(Member(part=a_part(tmp_path, "worker")))
    tick_until(supervisor, lambda: find_leftovers(tmp_path))  # in the middle of its exec a process has no environment
    found = find_leftovers(tmp_path)
    assert [leftover.part for leftover in found] == ["worker"]
    end_leftovers(found, patience_seconds=5)
    assert supervisor.parts["worker"].process.wait(5) != 0
    assert find_leftovers(tmp_path) == []


def test_parts_that_end_at_once_are_told_one_after_the_other(tmp_path):
    telling, overlapping, told = threading.Lock(), [], []

    def tell(event, facts):
        if not telling.acquire(blocking=False):
            overlapping.append(facts["part"])
            return
        threading.Event().wait(0.02)
        told.append((event, facts["part"]))
        telling.release()

    names = [f"part{number}" for number in range(6)]
    supervisor = Supervisor([Member(part=a_part(tmp_path, name)) for name in names], tell)
    tick_until(supervisor, lambda: supervisor.is_healthy)
    supervisor.stop()
    assert not overlapping
    assert sorted(part for event, part in told if event == "part.stopped") == names
