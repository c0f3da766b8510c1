"""When the parent forks: one child in advance, not while a run needs the core, and never too many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.definitions.warm.nursery import (
    LONGEST_IDLE_SECONDS,
    PAUSE_SECONDS,
    RETRY_SECONDS,
    Nursery,
    ended,
    handed_over,
    is_fork_due,
    is_stale,
    with_idle,
    without_idle,
)

EMPTY = Nursery(most=2)


def test_a_child_waits_from_the_start_and_only_one():
    assert is_fork_due(EMPTY, 0.0)
    assert not is_fork_due(with_idle(EMPTY, 7, 0.0), 10.0)


def test_the_next_child_comes_when_the_run_has_had_the_core_for_a_while():
    busy = handed_over(with_idle(EMPTY, 7, 0.0), "r1", 5.0)
    assert busy.running == {7: "r1"} and busy.idle is None
    assert not is_fork_due(busy, 5.0) and is_fork_due(busy, 5.0 + PAUSE_SECONDS)


def test_a_child_grows_old():
    waiting = with_idle(EMPTY, 7, 1.0)
    assert not is_stale(waiting, 1.0 + LONGEST_IDLE_SECONDS) and is_stale(waiting, 1.1 + LONGEST_IDLE_SECONDS)
    assert is_fork_due(without_idle(waiting, 400.0), 400.0)


def test_a_child_that_died_waiting_is_not_replaced_at_once():
    nursery, run_id = ended(with_idle(EMPTY, 7, 0.0), 7, 3.0)
    assert run_id is None and not is_fork_due(nursery, 3.0) and is_fork_due(nursery, 3.0 + RETRY_SECONDS)


def test_a_full_house_forks_nobody():
    nursery = EMPTY
    for pid in (7, 8):
        nursery = handed_over(with_idle(nursery, pid, 0.0), f"r{pid}", 0.0)
    assert nursery.is_full and not is_fork_due(nursery, 100.0)
    freed, run_id = ended(nursery, 8, 100.0)
    assert run_id == "r8" and is_fork_due(freed, 100.0)


def test_a_run_needs_a_child():
    with pytest.raises(ValueError, match="no child waits"):
        handed_over(EMPTY, "r1", 0.0)


@given(st.lists(st.sampled_from(["fork", "launch", "end", "die"]), max_size=40))
def test_no_run_is_ever_lost_and_none_has_two_children(steps):
    nursery, launched, over, pid = Nursery(most=5), set(), set(), 0
    for step in steps:
        if step == "fork" and is_fork_due(nursery, 1e9):
            pid += 1
            nursery = with_idle(nursery, pid, 0.0)
        elif step == "launch" and nursery.idle and not nursery.is_full:
            launched.add(f"r{pid}")
            nursery = handed_over(nursery, f"r{pid}", 0.0)
        elif step == "end" and nursery.running:
            nursery, run_id = ended(nursery, min(nursery.running), 0.0)
            over.add(run_id)
        elif step == "die" and nursery.idle:
            nursery, run_id = ended(nursery, nursery.idle, 0.0)
            assert run_id is None
    assert set(nursery.running.values()) | over == launched
    assert len(set(nursery.running.values())) == len(nursery.running) <= 5
