"""Whether the planner should ask for a run now, and which runs it should give up on. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

LOST_AFTER = timedelta(seconds=10)  # a run that is started is connected but for its first and last moments
SLOW_AFTER = timedelta(seconds=20)  # a worker that has not come up by then may be lost: a second one is asked for
UNSTARTED_AFTER = timedelta(seconds=60)  # cold starts take seconds; one that takes a minute has lost its worker
SUCCESSOR_BEFORE_END = timedelta(seconds=10)  # so that the next worker is warm when the lock becomes free
LONGEST_WAIT_SECONDS = 300  # what was repaired is tried again within five minutes, without anybody asking
ALARM_AFTER = 3  # failures in a row that are no accident any more; until then waits stay below 10 s


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRun:
    """A run of a pipeline that is not finished; `gone_since` is None while it is connected to the ledger.

    `hour_ends_at` is the end of the hour that the run was asked for, None if it carries none. One that is no lease has
    batches judged again and waits for it. One that has ended its lease only tells Dagster of it, and plans no more.
    """

    run_id: str
    is_started: bool
    requested_at: datetime
    started_at: datetime | None
    gone_since: datetime | None
    hour_ends_at: datetime | None = None
    is_lease: bool = True
    has_ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the planner sees of one pipeline; `is_locked` while some run holds its lock.

    `failed_in_a_row` counts the runs that failed since one succeeded; the last of them is named, and when it failed.
    """

    now: datetime
    has_work: bool
    runs: Sequence[LeaseRun]
    is_locked: bool
    lease: timedelta
    failed_in_a_row: int = 0
    last_failed_at: datetime | None = None
    last_failed_run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do: runs to report as failed with the reason, and why to ask for a new run (None: don't).

    `waiting` tells why a run that is needed is not asked for yet.
    """

    lost: Mapping[str, str]
    request: str | None
    waiting: str | None = None


def advise(seen: Situation) -> Advice:
    """Ask for a run when there is work and nobody at it, or when the one at it is about to end."""
    lost = {run.run_id: reason for run in seen.runs if (reason := _why_lost(run, seen))}
    active = [run for run in seen.runs if run.is_lease and not run.has_ended and run.run_id not in lost]
    request = _why_request(active, seen)
    waiting = _why_wait(seen) if request else None
    return Advice(lost=lost, request=None if waiting else request, waiting=waiting)


def wait_after(failed_in_a_row: int) -> timedelta:
    """How long to wait after the last failure: not at all after the first, which may have been a kill."""
    if failed_in_a_row < 2:
        return timedelta(0)
    return timedelta(seconds=min(2**failed_in_a_row, LONGEST_WAIT_SECONDS))


def _why_wait(seen: Situation) -> str | None:
    wait = wait_after(seen.failed_in_a_row)
    if not seen.last_failed_at or seen.now >= seen.last_failed_at + wait:
        return None
    failed = f"{seen.failed_in_a_row} failed runs in a row"
    return f"waiting {wait.seconds} s after {failed}; see the last one: {seen.last_failed_run}"


def _why_lost(run: LeaseRun, seen: Situation) -> str | None:
    if run.is_started and run.started_at and run.gone_since:
        gone_for = seen.now - max(run.gone_since, run.started_at)
        if gone_for > LOST_AFTER:
            return f"its worker is gone: it has not been connected to the ledger for {gone_for.seconds} s"
    if not run.is_started and seen.now - run.requested_at > UNSTARTED_AFTER:
        return f"its worker never came up, {(seen.now - run.requested_at).seconds} s after the request"
    return None


def _why_request(active: Sequence[LeaseRun], seen: Situation) -> str | None:
    if not seen.has_work:
        return None
    if not active:
        return "there is work and nobody at it"
    if len(active) != 1:
        return None
    if not active[0].is_started and not seen.is_locked and seen.now - active[0].requested_at > SLOW_AFTER:
        return "the run that was asked for has not come up"  # if it does after all, the lock makes one wait
    ends_at = _ends_at(active[0], seen)
    if ends_at and seen.now > ends_at - SUCCESSOR_BEFORE_END:
        return "the lease before ends soon"
    return None


def _ends_at(run: LeaseRun, seen: Situation) -> datetime | None:
    """When its lease ends: with its hour at the latest, but for one that got the lock only after its hour's end."""
    if not run.started_at:
        return None
    by_lease = run.started_at + seen.lease
    return min(by_lease, run.hour_ends_at) if run.hour_ends_at and run.hour_ends_at > seen.now else by_lease
