"""What an instance's facts mean: findings, worst first, each with the next command to type. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum

from analytics_platform.governance.readers import Unregistered
from analytics_platform.local.instance import Instance, PartState
from analytics_platform.local.progress import Progress, StreamProgress
from analytics_platform.product import BehindHeld, Stream

HEARTBEAT_STALE = timedelta(seconds=90)  # the daemon says every 30 s that it lives
MOST_READERS = 5  # that are named one by one
ESSENTIAL = ("postgres", "broker", "code-server", "daemon")  # without one of them nothing new is published


class Level(IntEnum):
    """How bad it is; also the exit code of `ap status`."""

    OK = 0
    DEGRADED = 1
    DOWN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know, and what to type next."""

    level: Level
    what: str
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything that findings are made from."""

    instance: Instance
    supervisor: int | None
    leftovers: int
    progress: Progress
    streams: Sequence[Stream]
    readers: Sequence[Unregistered] = ()
    events_per_second: float | None = None
    free_percent: float = 100.0
    least_free_percent: float = 10.0
    urls: Mapping[str, str] = field(default_factory=dict)


def findings(observed: Observed) -> list[Finding]:
    """All findings, worst first; never empty."""
    found = list(_all(observed))
    return sorted(found, key=lambda finding: -finding.level)


def worst(found: Sequence[Finding]) -> Level:
    """The exit code."""
    return max((finding.level for finding in found), default=Level.OK)


def _all(observed: Observed) -> Iterator[Finding]:
    yield from _supervision(observed)
    yield from _parts(observed)
    yield from _reach(observed)
    yield from _holds(observed)
    yield from _dagster(observed)
    yield from _readers(observed.readers)
    by_name = {stream.name: stream for stream in observed.streams}
    for progress in observed.progress.streams:
        yield from _stream(by_name[progress.stream], progress, observed)


def _supervision(observed: Observed) -> Iterator[Finding]:
    if observed.supervisor is not None:
        rate = observed.events_per_second
        speed = "" if rate is None else f", {rate:,.0f} events/s in"
        yield Finding(level=Level.OK, what=f"up since {observed.instance.started_at}{speed}", next="ap down")
    elif observed.leftovers:
        what = f"its supervisor is gone, {observed.leftovers} processes run on without one"
        yield Finding(level=Level.DOWN, what=what, next="ap up")
    else:
        yield Finding(level=Level.DOWN, what="nothing runs here", next="ap up")


def _parts(observed: Observed) -> Iterator[Finding]:
    if observed.supervisor is None:
        return
    for name, part in observed.instance.parts.items():
        if part.state in (PartState.UP, PartState.DONE):
            continue
        level = Level.DOWN if name in ESSENTIAL else Level.DEGRADED
        what = f"{name} is {part.state}" + (f", started again {part.restarts} times" if part.restarts else "")
        what += f": {part.reason}" if part.reason else ""
        yield Finding(level=level, what=what, next=f"ap logs --since 5m --process {name}")
    for name, part in observed.instance.parts.items():
        if part.state == PartState.UP and part.address.startswith("http"):
            yield Finding(level=Level.OK, what=f"{name} answers", next=f"open {part.address}")


def _reach(observed: Observed) -> Iterator[Finding]:
    if observed.supervisor is None:
        return
    for system, reason in observed.progress.unreachable.items():
        yield Finding(level=Level.DOWN, what=f"could not reach {system}: {reason}", next="ap doctor")


def _holds(observed: Observed) -> Iterator[Finding]:
    free = f"{observed.free_percent:.1f}% of the disk is free"
    if observed.free_percent < observed.least_free_percent:
        what = f"disk-low: {free}, below {observed.least_free_percent:g}%; producer and ingestion hold"
        yield Finding(level=Level.DEGRADED, what=what, next="ap doctor")
    for reason in observed.progress.holds:
        yield Finding(level=Level.DEGRADED, what=f"ingestion is held: {reason}", next="ap doctor")
    for pause in observed.progress.pauses:
        what = f"{pause.stream}: paused until {pause.until:%Y-%m-%d %H:%M} UTC by {pause.by}: {pause.reason}"
        yield Finding(level=Level.DEGRADED, what=what, next=f"ap stream resume {pause.stream}")
    yield from _frozen(observed.progress)


def _frozen(progress: Progress) -> Iterator[Finding]:
    """Models that keep their last version, one finding for each broken column."""
    causes = dict.fromkeys((each.asset, each.column) for each in progress.frozen)
    for asset, column in causes:
        models = [each for each in progress.frozen if (each.asset, each.column) == (asset, column)]
        where = f"{asset}, {column}" if column else asset
        since = min(each.since for each in models)
        what = f"{where} is broken since {since:%H:%M}, frozen: {', '.join(each.model for each in models)}"
        yield Finding(level=Level.DEGRADED, what=what, next="ap alert list")


def _readers(found: Sequence[Unregistered]) -> Iterator[Finding]:
    """Consumer groups that would not be told of a change."""
    for each in found[:MOST_READERS]:
        what = f"{each.stream}: consumer group {each.group} reads it, and nobody has registered it"
        add = f"ap schema consumer add {each.group} --owner TEAM --reads {each.stream}"
        yield Finding(level=Level.DEGRADED, what=what, next=add)
    if len(found) > MOST_READERS:
        what = f"{len(found) - MOST_READERS} more consumer groups read streams, and nobody has registered them"
        yield Finding(level=Level.DEGRADED, what=what, next="ap alert list")


def _dagster(observed: Observed) -> Iterator[Finding]:
    progress = observed.progress
    beat = progress.heartbeat_at
    if beat is not None and progress.at - beat > HEARTBEAT_STALE and observed.supervisor is not None:
        silent = (progress.at - beat).total_seconds()
        what = f"the daemon has been silent for {silent:.0f} s"
        yield Finding(level=Level.DEGRADED, what=what, next="ap logs --since 5m --process daemon")
    yield from _failures(progress)


def _failures(progress: Progress) -> Iterator[Finding]:
    """A failed run matters until a later one has published: it picks up whatever the failed one left."""
    count, failed_at = progress.failures
    if failed_at is None:
        return
    is_overcome = progress.published_at is not None and progress.published_at > failed_at
    what = f"failed runs in the last hour: {count}, the last at {failed_at:%H:%M:%S}"
    what += "; what they left has been published" if is_overcome else " and nothing has been published since"
    level = Level.OK if is_overcome else Level.DEGRADED
    yield Finding(level=level, what=what, next="ap logs --since 1h --process code-server")


def _held(stream: Stream, progress: Progress) -> Iterator[Finding]:
    """A batch that waits for a decision, and records that wait behind it."""
    if stream.name not in progress.held:
        return
    batch = f"{stream.name}/{progress.held[stream.name]}"
    what = f"{stream.name}: batch {batch} is held until somebody decides"
    if stream.behind_held is BehindHeld.WAIT:
        what += ", and all that comes after it waits in Kafka"
    yield Finding(level=Level.DEGRADED, what=what, next=f"ap batch show {batch}")


def _stream(stream: Stream, progress: StreamProgress, observed: Observed) -> Iterator[Finding]:
    show = f"ap batch show {stream.name}/{progress.batches}"
    for check in progress.checks_failed:
        yield Finding(level=Level.DEGRADED, what=f"{stream.name}: check {check} fails", next=show)
    yield from _held(stream, observed.progress)
    if {"broker", "ledger"} & observed.progress.unreachable.keys():
        return
    newest = progress.newest_event_at
    if newest is None:
        level = Level.DEGRADED if progress.lag else Level.OK
        what = f"{stream.name}: nothing published yet, {progress.lag:,} events wait"
        yield Finding(level=level, what=what, next="ap logs --since 5m --process daemon")
        return
    age = observed.progress.at - newest
    what = f"{stream.name}: {progress.offsets:,} events, lag {progress.lag:,}, fresh {age.total_seconds():.1f} s"
    if age > stream.freshness and progress.lag:
        promise = f"{what}; promised {stream.freshness.total_seconds():.0f} s"
        yield Finding(level=Level.DEGRADED, what=promise, next="ap logs --since 5m --process code-server")
    else:
        yield Finding(level=Level.OK, what=what, next=show)
