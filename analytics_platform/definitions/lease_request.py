"""Whether the planner should ask for a run now, and which runs it should give up on. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

LOST_AFTER = timedelta(seconds=10)  # a run that is started holds the lock but for its first and last moments
UNSTARTED_AFTER = timedelta(seconds=60)  # cold starts take seconds; one that takes a minute has lost its worker
SUCCESSOR_BEFORE_END = timedelta(seconds=10)  # so that the next worker is warm when the lock becomes free


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRun:
    """A run of a pipeline that is not finished."""

    run_id: str
    is_started: bool
    requested_at: datetime
    started_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the planner sees of one pipeline. `lock_free_since` is None while somebody holds the lock."""

    now: datetime
    has_work: bool
    runs: Sequence[LeaseRun]
    lock_free_since: datetime | None
    lease: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do: runs to report as failed with the reason, and why to ask for a new run (None: don't)."""

    lost: Mapping[str, str]
    request: str | None


def advise(seen: Situation) -> Advice:
    """Ask for a run when there is work and nobody at it, or when the one at it is about to end."""
    lost = {run.run_id: reason for run in seen.runs if (reason := _why_lost(run, seen))}
    active = [run for run in seen.runs if run.run_id not in lost]
    return Advice(lost=lost, request=_why_request(active, seen))


def _why_lost(run: LeaseRun, seen: Situation) -> str | None:
    if run.is_started and run.started_at and seen.lock_free_since:
        idle_since = max(seen.lock_free_since, run.started_at)
        if seen.now - idle_since > LOST_AFTER:
            return f"its worker is gone: nobody has held the pipeline's lock for {(seen.now - idle_since).seconds} s"
    if not run.is_started and seen.now - run.requested_at > UNSTARTED_AFTER:
        return f"its worker never came up, {(seen.now - run.requested_at).seconds} s after the request"
    return None


def _why_request(active: Sequence[LeaseRun], seen: Situation) -> str | None:
    if not seen.has_work:
        return None
    if not active:
        return "there is work and nobody at it"
    if len(active) == 1 and active[0].started_at:
        ends_at = active[0].started_at + seen.lease
        if seen.now > ends_at - SUCCESSOR_BEFORE_END:
            return "the lease before ends soon"
    return None
