"""The lease: plan, land, judge, recompute, publish, one cycle after another, until its time or the data is over."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from analytics_platform.errors import UnreachableError
from analytics_platform.facts import Batch, Failpoint, LeaseReport, ModelReport, PartitionOffsets
from analytics_platform.ingest.plan import is_behind, lost_offsets, plan_batch, rows_within, shortened, undecided
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.ledger.postgres import planning, publication
from analytics_platform.ledger.postgres.lease import Lease
from analytics_platform.ledger.postgres.pauses import paused
from analytics_platform.ledger.postgres.transactions import watch_transactions
from analytics_platform.pipeline import upkeep
from analytics_platform.pipeline.cycle import CycleReport, run_cycle
from analytics_platform.pipeline.follow import follow_schemas
from analytics_platform.pipeline.get_ready import get_ready
from analytics_platform.pipeline.models import is_due
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.record import require_known
from analytics_platform.pipeline.recover_models import renew_outdated
from analytics_platform.pipeline.redrive import redrive_published
from analytics_platform.pipeline.rework import Rework, undo
from analytics_platform.product import BehindHeld, Stream

log = logging.getLogger(__name__)
DECIDED = (Layer.SILVER, Layer.EXCEPTIONS)  # the layers that judging writes
OnCycle = Callable[[CycleReport], None]


def run_lease(parts: Parts, run_id: str, hour: datetime, on_cycle: OnCycle = lambda _: None) -> LeaseReport:
    """Work on the pipeline until the lease's time is up, the hour ends, or nothing has come for a while."""
    started = time.monotonic()
    reports: list[CycleReport] = []
    if leases.is_locked(parts.ledger, parts.pipeline.name):
        get_ready(parts)
    with leases.taken(parts.ledger, parts.pipeline.name, run_id, hour) as lease:
        _take_over(lease, parts)
        undo(parts, lease)
        for report in _cycles(lease, parts, _ends_at(parts, hour)):
            reports.append(report)
            on_cycle(report)
        upkeep.trim_logs(parts)
        if leases.claim_upkeep(parts.ledger, lease, parts.now()):
            upkeep.clean(parts, lease)
    models: dict[str, ModelReport] = {}
    for report in reports:
        models.update(report.models)
    return LeaseReport(
        pipeline=parts.pipeline.name,
        epoch=lease.epoch,
        hour=hour,
        manifests=tuple(manifest for report in reports for manifest in report.manifests),
        models=models,
        cycles=len(reports),
        seconds=time.monotonic() - started,
    )


def _ends_at(parts: Parts, hour: datetime) -> datetime:
    """When a lease that begins now ends: after its time, or with its hour; one for a past hour has its time."""
    by_time, by_hour = parts.now() + timedelta(seconds=parts.limits.lease_seconds), hour + timedelta(hours=1)
    return min(by_time, by_hour) if by_hour > parts.now() else by_time


def plan_all(parts: Parts) -> dict[str, dict[int, int]]:
    """Record what is new on every topic as batches; returns by topic the next offset of each partition.

    A stream with an open batch gets no further one: while nobody works, what waits becomes one batch and not many.
    A paused one gets none, nor one that waits behind a held batch.
    """
    found = parts.reader.offsets([stream.topic for stream in parts.pipeline.streams])
    follow_schemas(parts)
    waiting = set(parts.pipeline.stream_names)
    if not planning.is_on_hold(parts.ledger):
        waiting = {batch.id.stream for batch in planning.next_batches(parts.ledger, parts.pipeline.stream_names)}
        waiting |= _stopped(parts)
    return {s.topic: _plan(s, found[s.topic], parts, s.name in waiting) for s in parts.pipeline.streams}


def _plan(stream: Stream, offsets: Sequence[PartitionOffsets], parts: Parts, must_wait: bool) -> dict[int, int]:
    frontier = planning.frontier(parts.ledger, stream.name, offsets[0].topic_id) if offsets else {}
    lost = lost_offsets(frontier, offsets)
    if lost and planning.skip_lost(parts.ledger, parts.pipeline.name, stream.name, lost, parts.now()):
        frontier = {**frontier, **{r.partition: r.end for r in lost}}
    if short := shortened(frontier, offsets):
        planning.alarm_shortened(parts.ledger, stream.name, short, parts.now())
    watch_transactions(parts.ledger, stream.name, undecided(offsets), parts.now())
    is_new = is_behind(frontier, offsets) and not must_wait
    ranges = plan_batch(frontier, offsets, rows=_batch_rows(stream, parts)) if is_new else ()
    if ranges and planning.record(
        parts.ledger, parts.pipeline.name, stream.name, ranges, parts.pins(stream), parts.now()
    ):
        parts.reached(Failpoint.AFTER_PLAN)
    return {**{o.partition: o.first for o in offsets}, **frontier, **{r.partition: r.end for r in ranges}}


def _batch_rows(stream: Stream, parts: Parts) -> int:
    return rows_within(stream.batch_bytes, publication.bytes_per_row(parts.ledger, stream.name), stream.batch_rows)


def has_unplanned(parts: Parts) -> bool:
    """Whether some topic has offsets beyond the frontier, of a stream that is read now."""
    streams = _read_now(parts)
    found = parts.reader.offsets([stream.topic for stream in streams])
    for stream in streams:
        offsets = found[stream.topic]
        frontier = planning.frontier(parts.ledger, stream.name, offsets[0].topic_id) if offsets else {}
        if is_behind(frontier, offsets):
            return True
    return False


def _cycles(lease: Lease, parts: Parts, ends_at: datetime) -> Iterator[CycleReport]:
    """Live batches first; rework fills the time that they leave."""
    streams, rework = parts.pipeline.stream_names, Rework(parts, lease)
    cycles = 0
    yield from _mend(rework, parts)
    last_data = time.monotonic()
    while parts.now() < ends_at:
        try:
            batches, positions = _next_batches(parts)
        except UnreachableError as error:  # it may be back before the lease ends, and is not quiet but unknown
            log.warning("broker.unreachable", extra={"reason": str(error)})
            yield from _spend(parts.limits.cycle_seconds, rework, parts)
            last_data = time.monotonic()
            continue
        _renew(parts, lease)
        redrive_published(parts)
        if batches or is_due(parts):
            planning.assign(parts.ledger, lease.run_id, batches)
            report = run_cycle(batches, lease, parts)
            last_data = time.monotonic()
            yield report
            cycles += 1
            is_draining = _is_draining(batches, parts)
            upkeep.after_cycle(cycles, parts, lease, is_draining=is_draining)
            # without a backlog a little data may gather before the next commit
            pause = 0.0 if is_draining else max(0.0, parts.limits.cycle_seconds - report.seconds)
            yield from _spend(pause, rework, parts)
        elif rework.is_open():
            yield from rework.step()
            last_data = time.monotonic()
        elif time.monotonic() - last_data > parts.limits.quiet_seconds and leases.end(parts.ledger, lease, streams):
            return
        else:
            _wait(positions, parts)


def _renew(parts: Parts, lease: Lease) -> None:
    """Once for schemas that are new to us: models that read columns of theirs are made anew."""
    if parts.followed.is_new:
        renew_outdated(parts, lease.epoch)
        parts.followed.is_new = False


def _mend(rework: Rework, parts: Parts) -> Iterator[CycleReport]:
    """Where files are gone, what is ordered goes first: a live batch would fail on them each time."""
    tables = [parts.tables.of(name, layer) for name in parts.pipeline.stream_names for layer in DECIDED]
    while rework.can_step() and any(table.missing(table.files()) for table in tables):
        yield from rework.step()


def _wait(positions: Mapping[str, Mapping[int, int]], parts: Parts) -> None:
    if wanted := to_wait_for(positions, parts):
        parts.reader.wait_for_data(wanted, parts.limits.quiet_seconds)
    else:
        parts.pause(parts.limits.quiet_seconds)


def to_wait_for(positions: Mapping[str, Mapping[int, int]], parts: Parts) -> dict[str, Mapping[int, int]]:
    """Those positions beyond which data is for us; where ingestion is held or paused there always is some."""
    if planning.is_on_hold(parts.ledger):
        return {}
    return {s.topic: positions[s.topic] for s in _read_now(parts) if s.topic in positions}


def _read_now(parts: Parts) -> list[Stream]:
    stopped = _stopped(parts)
    return [stream for stream in parts.pipeline.streams if stream.name not in stopped]


def _stopped(parts: Parts) -> set[str]:
    """The streams of which nothing new is planned: somebody paused them, or they wait behind a held batch."""
    patient = [stream.name for stream in parts.pipeline.streams if stream.behind_held is BehindHeld.WAIT]
    return paused(parts.ledger, parts.pipeline.stream_names, parts.now()) | planning.held(parts.ledger, patient).keys()


def _next_batches(parts: Parts) -> tuple[list[Batch], dict[str, dict[int, int]]]:
    """What a cycle takes: batches that are open, else newly planned ones; with the latter, the positions planned to."""
    found = planning.next_batches(parts.ledger, parts.pipeline.stream_names)
    if found:
        follow_schemas(parts)  # whoever planned them may have known more than we do
        return found, {}
    positions = plan_all(parts)
    return planning.next_batches(parts.ledger, parts.pipeline.stream_names), positions


def _is_draining(batches: Sequence[Batch], parts: Parts) -> bool:
    """Whether a backlog waits: a batch was full, or the next one is there already."""
    # half of what a batch may hold: rows turn out larger or smaller than those before them
    is_full = any(2 * batch.offsets >= _batch_rows(parts.pipeline.stream(batch.id.stream), parts) for batch in batches)
    return is_full or bool(planning.next_batches(parts.ledger, parts.pipeline.stream_names))


def _spend(seconds: float, rework: Rework, parts: Parts) -> Iterator[CycleReport]:
    """Pass that time: with rework while there is some, which may overrun it by one chunk, and gets one if starved."""
    until = time.monotonic() + seconds
    if rework.is_starved():
        yield from rework.step()
    while time.monotonic() < until and rework.is_open():
        yield from rework.step()
    parts.pause(max(0.0, until - time.monotonic()))


def _take_over(lease: Lease, parts: Parts) -> None:
    """See the tables as they are now; after a writer that did not end in order, fence it off from every one of them."""
    parts.failing.clear()
    for table in parts.tables.written().values():
        table.refresh()
    require_known(parts)
    if not lease.is_clean:
        for table in parts.tables.written().values():
            table.stamp(lease.epoch)
    renew_outdated(parts, lease.epoch)
