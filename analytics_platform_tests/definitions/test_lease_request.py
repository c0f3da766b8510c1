"""When the planner asks for a run, and when it gives one up."""

from datetime import UTC, datetime, timedelta

from analytics_platform.definitions.lease_request import LeaseRun, Situation, advise

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


def run(requested, started=None, run_id="r1"):
    at = ago(started) if started is not None else None
    return LeaseRun(run_id=run_id, is_started=at is not None, requested_at=ago(requested), started_at=at)


def advice(*runs, has_work=True, lock_free_for=None):
    free_since = ago(lock_free_for) if lock_free_for is not None else None
    lease = timedelta(seconds=60)
    return advise(Situation(now=NOW, has_work=has_work, runs=runs, lock_free_since=free_since, lease=lease))


def test_nothing_is_asked_for_without_work():
    assert advice(has_work=False).request is None


def test_work_without_a_run_asks_for_one():
    assert advice(lock_free_for=100).request == "there is work and nobody at it"


def test_a_run_that_is_coming_up_is_waited_for():
    found = advice(run(requested=5), lock_free_for=100)
    assert found.request is None and not found.lost


def test_a_run_at_work_is_left_alone():
    found = advice(run(requested=32, started=30))
    assert found.request is None and not found.lost


def test_a_successor_is_asked_for_shortly_before_a_lease_ends():
    assert advice(run(requested=55, started=51)).request == "the lease before ends soon"


def test_only_one_successor_is_asked_for():
    assert advice(run(requested=55, started=51), run(requested=1, run_id="r2")).request is None


def test_a_started_run_without_the_lock_is_given_up_and_replaced():
    found = advice(run(requested=40, started=35), lock_free_for=11)
    assert "nobody has held the pipeline's lock for 11 s" in found.lost["r1"]
    assert found.request == "there is work and nobody at it"


def test_a_run_that_has_just_started_is_not_given_up_though_the_lock_was_free_before():
    assert not advice(run(requested=20, started=3), lock_free_for=100).lost


def test_a_run_that_never_starts_is_given_up():
    assert "its worker never came up, 61 s after the request" in advice(run(requested=61)).lost["r1"]
