"""The body of every run: what it does by what it is, and what it tells Dagster of the hours it touched."""

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
from dagster._core.storage.tags import PARTITION_NAME_TAG

from analytics_platform.definitions import report
from analytics_platform.definitions.hours import HOUR_FORMAT, partition_of
from analytics_platform.definitions.intent import BATCHES_TAG, Intent, in_short, intent_of
from analytics_platform.definitions.report import Told
from analytics_platform.definitions.rework import judge_again
from analytics_platform.facts import Failpoint
from analytics_platform.ledger.dry_run import hours_between
from analytics_platform.ledger.postgres import frozen, hour_so_far, unreported
from analytics_platform.ledger.postgres.unreported import MOST_HOURS
from analytics_platform.pipeline import run_lease
from analytics_platform.pipeline.cycle import CycleReport
from analytics_platform.pipeline.parts import Parts

log = logging.getLogger(__name__)
LEASE_CPU = "lease.cpu"  # read by `ap status --orchestration`


def execute(context: dg.AssetExecutionContext, parts: Parts) -> Iterator[dg.AssetCheckResult]:
    """The planner's runs are leases; all others have batches judged again, and wait for it.

    What an hour holds is told by log events, since one run may speak for several hours. Only the checks of a run's own
    hour are yielded, since Dagster misses them otherwise; a backfill has a range for that, and its results no hour.
    """
    asked = [datetime.strptime(key, HOUR_FORMAT).replace(tzinfo=UTC) for key in context.partition_keys]
    told = Told(context=context, parts=parts)
    if intent_of(context.run.tags) is Intent.LEASE:
        hours = set(asked) | _lease(told, asked[-1])
    else:
        told, hours = _rework(told, asked)
    report.report_tables(told, sorted(hours))
    own = {hour for hour in asked if context.run.tags.get(PARTITION_NAME_TAG) == partition_of(hour)}
    report.report_checks(told, sorted(hours - own))
    for hour in own:
        yield from report.check_results(told, hour)


def _lease(told: Told, hour: datetime) -> set[datetime]:
    """A lease; returns the hours it published batches of, and those of the writer before.

    That one may have been killed after it published and before it reported: a few events more when an hour begins are
    cheaper than to find out.
    """
    parts, context = told.parts, told.context
    empty = unreported.hours_without_data(parts.ledger, parts.pipeline.stream_names, hour)
    known = hour_so_far.hours(parts.ledger, parts.pipeline.stream_names)
    reported: set[datetime] = set()
    clock = WorkClock()

    def report_first(cycle: CycleReport) -> None:
        """Show an hour of which nobody has told, or of which a batch was decided anew; the rest at the end of the run.

        Once each: data waits for this.
        """
        clock.pause()
        new = sorted(_to_tell_now(cycle, known) - reported)
        if new:
            reported.update(new)
            report.report_tables(told, new)
            report.report_checks(told, new)
            parts.reached(Failpoint.AFTER_EVENT)
        clock.go_on()

    done = run_lease(parts, context.run_id, hour, report_first)
    clock.pause()
    cpu = {"work": round(clock.seconds, 3), "whole": round(time.process_time(), 3)}
    log.info(LEASE_CPU, extra={"run": context.run_id, "pipeline": parts.pipeline.name, **cpu})
    context.log.info(f"{len(done.manifests)} batches in {done.cycles} cycles, {done.seconds:.1f} s, epoch {done.epoch}")
    batches = [(manifest.batch.stream, manifest.batch.number) for manifest in done.manifests]
    context.instance.add_run_tags(context.run_id, {BATCHES_TAG: in_short(sorted(set(batches)))})
    return {manifest.hour for manifest in done.manifests} | {*empty, *_untold(parts, done.epoch)}


def _to_tell_now(cycle: CycleReport, known: set[datetime]) -> set[datetime]:
    """The hours of a cycle of which Dagster does not know, or knows what is no longer so."""
    told_of = set() if cycle.after_kill else known
    return {manifest.hour for manifest in cycle.manifests if manifest.revision > 1 or manifest.hour not in told_of}


def _untold(parts: Parts, epoch: int) -> list[datetime]:
    """Hours of the writer before, and those in which models were frozen that it or this one has thawed."""
    before = unreported.hours_of_epoch(parts.ledger, parts.pipeline.stream_names, epoch - 1)
    thawed = frozen.thawed_since(parts.ledger, parts.pipeline.name, [epoch - 1, epoch])
    return [*before, *(hours_between(thawed, parts.now())[-MOST_HOURS:] if thawed else ())]


class WorkClock:
    """CPU seconds of this process but for its pauses, in which it tells Dagster what it did."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = time.process_time()

    def pause(self) -> None:
        """What comes now does not count."""
        self.seconds += time.process_time() - self._since

    def go_on(self) -> None:
        """What comes now counts."""
        self._since = time.process_time()


def _rework(told: Told, asked: list[datetime]) -> tuple[Told, set[datetime]]:
    """A repetition or a backfill: what it changed is told with the hours."""
    done = judge_again(told.context, told.parts, asked)
    return replace(told, changes=done.changes), set(asked) | done.hours
