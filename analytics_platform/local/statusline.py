"""The one line that says how an instance is doing. Pure."""

from collections.abc import Mapping

from analytics_platform.local.progress import Progress

FAILED = ("FAILURE", "CANCELED")
ACTIVE = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")


def rate(before: Progress, after: Progress) -> float:
    """Events a second that came in between two looks."""
    seconds = (after.at - before.at).total_seconds()
    return max(0.0, (after.offsets - before.offsets) / seconds) if seconds > 0 else 0.0


def status_line(progress: Progress, events_per_second: float, not_up: Mapping[str, str]) -> str:
    """Events/s, lag, freshness, runs, checks; first of all, what is not up and what does not answer."""
    trouble = [f"{part} {state}" for part, state in not_up.items()]
    trouble += [f"{system} does not answer" for system in progress.unreachable]
    trouble += [f"held: {reason}" for reason in progress.holds]
    head = ", ".join(trouble).upper() + "  " if trouble else ""
    return f"{progress.at:%H:%M:%S}  {head}{_flow(progress, events_per_second)}  {_runs(progress)}  {_checks(progress)}"


def _flow(progress: Progress, events_per_second: float) -> str:
    fresh = progress.fresh_seconds
    age = "nothing published yet" if fresh is None else f"fresh {fresh:.1f} s"
    return f"{events_per_second:,.0f} events/s in  lag {progress.lag:,}  {age}"


def _runs(progress: Progress) -> str:
    done = progress.runs.get("SUCCESS", 0)
    active = sum(progress.runs.get(status, 0) for status in ACTIVE)
    failed = sum(progress.runs.get(status, 0) for status in FAILED)
    return f"runs {done} done, {active} active, {failed} failed"


def _checks(progress: Progress) -> str:
    failed = sum(len(stream.checks_failed) for stream in progress.streams)
    passed = sum(stream.checks_passed for stream in progress.streams)
    return f"checks {passed} passed, {failed} failed"
