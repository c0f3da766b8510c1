"""Runs that have batches judged again: they give an order, and wait while leases work on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import dagster as dg
from dagster import DagsterExecutionInterruptedError
from dagster._core.storage.tags import BACKFILL_ID_TAG, PARENT_RUN_ID_TAG

from analytics_platform.definitions.asked import ASKED_TAG
from analytics_platform.definitions.intent import (
    BATCHES_TAG,
    ORDER_TAG,
    WHAT_TAG,
    WHY_TAG,
    Intent,
    in_short,
    intent_of,
    order_id,
    span_of,
)
from analytics_platform.facts import OPEN_STATES, BatchId
from analytics_platform.ledger.changes import Change, changes_by_hour
from analytics_platform.ledger.dry_run import streams_of
from analytics_platform.ledger.postgres import planning, rework
from analytics_platform.ledger.postgres.changes import batches_of_order, judged_again
from analytics_platform.ledger.postgres.lease import is_locked
from analytics_platform.ledger.rework import TODAYS_VERSIONS, Kind, Order, OrderState, Progress
from analytics_platform.pipeline import run_lease
from analytics_platform.pipeline.parts import Parts

LOOK_SECONDS = 1.0
NOBODY_LOOKS = 10  # at a free lock: a lease comes within a few seconds of being asked for, so nobody asks
GOES_ON = "what is done stays done, and to go on: ap backfill resume {}, or re-execute this run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What an order has come to: the hours of its batches, and what changed by hour and stream."""

    hours: set[datetime]
    changes: Mapping[tuple[datetime, str], Change]


def judge_again(context: dg.AssetExecutionContext, parts: Parts, hours: Sequence[datetime]) -> Done:
    """Give the order that this run stands for, and wait until it is done.

    Raises dg.Failure if it failed or was cancelled. Who terminates the run cancels the order; a restart does not.
    """
    order = _ordered(context, parts, hours)
    try:
        ended = _wait(context, parts, order)
    except (DagsterExecutionInterruptedError, KeyboardInterrupt):
        if _is_terminated(context):
            rework.cancel(parts.ledger, order, parts.now())
            context.log.warning(f"Order {order} is cancelled with its run; {GOES_ON.format(order)}")
        raise
    if ended.state is not OrderState.DONE:
        why = ended.error or f"somebody cancelled it; {GOES_ON.format(order)}"
        raise dg.Failure(f"Order {order} is {ended.state}: {why}", allow_retries=False)
    judged = judged_again(parts.ledger, order)
    return Done(hours={batch.hour for batch in judged}, changes=changes_by_hour(judged))


def _ordered(context: dg.AssetExecutionContext, parts: Parts, hours: Sequence[datetime]) -> str:
    """The id of the run's order: given now, unless it was before; named in the run's tags."""
    tags, ledger = context.run.tags, parts.ledger
    earlier = rework.progress(ledger, tags[ORDER_TAG]) if ORDER_TAG in tags else None
    if earlier and earlier.state is not OrderState.DONE:  # a repetition that goes on with it
        found = earlier.id
        rework.resume(ledger, found, parts.now())  # nothing to do where it is open still
    else:
        found = rework.give(ledger, _order(context, parts, hours))
    batches, given = batches_of_order(ledger, found), _progress(parts, found)
    versions = "today's versions" if given.kind in TODAYS_VERSIONS else "the versions they were judged with"
    what = f"{given.kind}: {given.batches:,} batches are judged again, with {versions}"
    told = {WHAT_TAG: what, WHY_TAG: _why(tags, hours), ORDER_TAG: found, BATCHES_TAG: in_short(batches)}
    context.instance.add_run_tags(context.run_id, told)
    context.log.info(f"Order {found}: {what}. A lease does it after each of its cycles, while this run waits.")
    return found


def _order(context: dg.AssetExecutionContext, parts: Parts, hours: Sequence[datetime]) -> Order:
    """A backfill is of hours; a repetition of the batches of the run or order that is repeated."""
    tags, pipeline = context.run.tags, parts.pipeline
    is_repetition = intent_of(tags) is Intent.RE_EXECUTE
    selected = sorted("/".join(key.path) for key in context.selected_asset_keys)
    return Order(
        id=order_id(context.run_id, tags, pipeline.name, hours),
        pipeline=pipeline.name,
        kind=Kind.REEXECUTE if is_repetition else Kind.BACKFILL,
        requested_by=f"{tags.get(ASKED_TAG, 'nobody known')}, by run {context.run_id}",
        reason=_why(tags, hours),
        requested_at=parts.now(),
        batches=_repeated(tags, parts) if is_repetition else (),
        hours=() if is_repetition else tuple(hours),
        streams=tuple(sorted({stream for name in selected for stream in streams_of(pipeline, name.split("/")[0])})),
        assets=tuple(selected),
    )


def _repeated(tags: Mapping[str, str], parts: Parts) -> tuple[BatchId, ...]:
    """What the run before executed or had judged again, less what no run has finished: the next lease does that."""
    if ORDER_TAG in tags:
        return tuple(BatchId(stream=s, number=n) for s, n in batches_of_order(parts.ledger, tags[ORDER_TAG]))
    batches = planning.batches_of_run(parts.ledger, tags[PARENT_RUN_ID_TAG])
    return tuple(batch.id for batch in batches if batch.state not in OPEN_STATES)


def _wait(context: dg.AssetExecutionContext, parts: Parts, order: str) -> Progress:
    """Until the order has ended; where nobody holds the pipeline's lock for a while, this run is the lease."""
    said, looks_at_nobody = "", 0
    while (seen := _progress(parts, order)).state is OrderState.OPEN:
        if (words := in_words(seen)) != said:
            said = words
            context.log.info(words)
        looks_at_nobody = 0 if is_locked(parts.ledger, parts.pipeline.name) else looks_at_nobody + 1
        if looks_at_nobody > NOBODY_LOOKS:
            context.log.info("No lease came, so this run is one, and reads what is new besides.")
            run_lease(parts, context.run_id, parts.now().replace(minute=0, second=0, microsecond=0))
        else:
            parts.pause(LOOK_SECONDS)
    context.log.info(in_words(seen))
    return seen


def _is_terminated(context: dg.AssetExecutionContext) -> bool:
    """Whether somebody wants this run to end; else its process was stopped, and leases go on with the order."""
    run = context.instance.get_run_by_id(context.run_id)
    return run is not None and run.status is dg.DagsterRunStatus.CANCELING


def _progress(parts: Parts, order: str) -> Progress:
    seen = rework.progress(parts.ledger, order)
    assert seen is not None, "it was given, and no order is ever deleted"
    return seen


def _why(tags: Mapping[str, str], hours: Sequence[datetime]) -> str:
    if intent_of(tags) is Intent.RE_EXECUTE:
        return f"run {tags[PARENT_RUN_ID_TAG]} was re-executed"
    backfill = tags.get(BACKFILL_ID_TAG)
    return f"backfill {backfill} of {span_of(hours)}" if backfill else f"{span_of(hours)} materialised by hand"


def in_words(seen: Progress) -> str:
    """How far an order is."""
    return f"{seen.done:,} of {seen.batches:,} batches judged again ({seen.rows:,} rows), {seen.changed:,} changed"
