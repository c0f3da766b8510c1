"""When the planner asks for a run, and when it gives one up."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.definitions.lease_request import LeaseRun, Situation, advise, wait_after

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


def run(requested, started=None, run_id="r1", gone_for=None, hour_ends_in=None, is_lease=True, has_ended=False):
    return LeaseRun(
        run_id=run_id,
        is_started=started is not None,
        requested_at=ago(requested),
        started_at=ago(started) if started is not None else None,
        gone_since=ago(gone_for) if gone_for is not None else None,
        hour_ends_at=ago(-hour_ends_in) if hour_ends_in is not None else None,
        is_lease=is_lease,
        has_ended=has_ended,
    )


def advice(*runs, has_work=True, is_locked=False, failed=0, failed_ago=0):
    return advise(
        Situation(
            now=NOW,
            has_work=has_work,
            runs=runs,
            is_locked=is_locked,
            lease=timedelta(seconds=60),
            failed_in_a_row=failed,
            last_failed_at=ago(failed_ago) if failed else None,
            last_failed_run="r0" if failed else None,
        )
    )


def test_nothing_is_asked_for_without_work():
    assert advice(has_work=False).request is None


def test_work_without_a_run_asks_for_one():
    assert advice().request == "there is work and nobody at it"


def test_a_run_that_is_coming_up_is_waited_for():
    found = advice(run(requested=5))
    assert found.request is None and not found.lost


def test_a_run_that_has_ended_its_lease_keeps_no_data_waiting():
    assert advice(run(requested=5, started=4, has_ended=True)).request == "there is work and nobody at it"
    assert advice(run(requested=5, started=4, has_ended=True), run(requested=1, run_id="r2")).request is None


def test_a_run_at_work_is_left_alone():
    found = advice(run(requested=32, started=30))
    assert found.request is None and not found.lost


def test_a_successor_is_asked_for_shortly_before_a_lease_ends():
    assert advice(run(requested=55, started=51)).request == "the lease before ends soon"


def test_only_one_successor_is_asked_for():
    assert advice(run(requested=55, started=51), run(requested=1, run_id="r2")).request is None


def test_a_started_run_that_is_not_connected_is_given_up_and_replaced():
    found = advice(run(requested=40, started=35, gone_for=11))
    assert "it has not been connected to the ledger for 11 s" in found.lost["r1"]
    assert found.request == "there is work and nobody at it"


def test_a_lost_run_is_given_up_though_its_successor_holds_the_lock():
    found = advice(
        run(requested=90, started=85, gone_for=11), run(requested=30, started=25, run_id="r2"), is_locked=True
    )
    assert [*found.lost] == ["r1"] and found.request is None


def test_a_waiting_backfill_does_no_leases_work():
    assert advice(run(requested=40, started=35, is_lease=False)).request == "there is work and nobody at it"


def test_a_backfill_whose_worker_is_gone_is_given_up_too():
    assert [*advice(run(requested=40, started=35, gone_for=11, is_lease=False)).lost] == ["r1"]


def test_a_run_that_has_just_started_is_not_given_up_though_it_was_not_connected_before():
    assert not advice(run(requested=20, started=3, gone_for=18)).lost


def test_a_run_that_is_slow_to_come_up_gets_one_companion():
    assert advice(run(requested=21)).request == "the run that was asked for has not come up"
    assert advice(run(requested=21), run(requested=1, run_id="r2")).request is None
    assert not advice(run(requested=21)).lost


def test_a_slow_successor_gets_no_companion_while_the_lock_is_held():
    assert advice(run(requested=25), is_locked=True).request is None


def test_a_run_that_never_starts_is_given_up():
    assert "its worker never came up, 61 s after the request" in advice(run(requested=61)).lost["r1"]


def test_a_lease_ends_with_its_hour_and_has_a_successor_by_then():
    assert advice(run(requested=6, started=5, hour_ends_in=9)).request == "the lease before ends soon"
    assert advice(run(requested=6, started=5, hour_ends_in=30)).request is None


def test_a_run_that_got_the_lock_after_its_hour_has_a_whole_lease():
    assert advice(run(requested=21, started=20, hour_ends_in=-5)).request is None
    assert advice(run(requested=52, started=51, hour_ends_in=-5)).request == "the lease before ends soon"


def test_the_first_failure_is_retried_at_once():
    assert advice(failed=1).request == "there is work and nobody at it"


@pytest.mark.parametrize(("failed", "wait"), [(2, 4), (3, 8), (4, 16), (10, 300)])
def test_runs_that_keep_failing_are_asked_for_ever_more_slowly(failed, wait):
    early = advice(failed=failed, failed_ago=wait - 1)
    assert early.request is None
    assert early.waiting == f"waiting {wait} s after {failed} failed runs in a row; see the last one: r0"
    late = advice(failed=failed, failed_ago=wait)
    assert late.request == "there is work and nobody at it" and late.waiting is None


def test_nobody_waits_for_a_run_that_is_not_needed():
    assert advice(has_work=False, failed=5).waiting is None
    assert advice(run(requested=1), failed=5).waiting is None


@given(st.integers(0, 1000))
def test_waits_grow_up_to_five_minutes_and_are_short_for_three_failures(failed):
    assert wait_after(failed) <= wait_after(failed + 1) <= timedelta(seconds=300)
    assert failed > 3 or wait_after(failed) <= timedelta(seconds=10)
