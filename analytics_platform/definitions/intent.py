"""What a run is: a lease, the repetition of an earlier run, or a backfill. Pure, and cheap to import."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from dagster._core.storage.tags import BACKFILL_ID_TAG, PARENT_RUN_ID_TAG, RETRY_NUMBER_TAG

from analytics_platform.definitions.hours import partition_of

LEASE_TAG = "platform/lease"  # on the planner's runs: the pipeline
WHY_TAG = "platform/why"  # what made somebody start it
WHAT_TAG = "platform/what"  # what it does
BATCHES_TAG = "platform/batches"  # which batches it worked on
ORDER_TAG = "platform/order"  # the rework it gave, and waits for
QUEUE_TAG = "platform/queue"  # the pipeline in whose queue it waits; leases have none
MOST_CHARACTERS = 200  # of a tag's value: the list of runs shows it whole


class Intent(StrEnum):
    """Why a run exists."""

    LEASE = "lease"
    RE_EXECUTE = "re-execute"
    BACKFILL = "backfill"


def intent_of(tags: Mapping[str, str]) -> Intent:
    """What the run with these tags is.

    Dagster copies tags to a repetition, hence the order: a run with a parent repeats it, whatever else it carries.
    Dagster's own retries are no repetition: each does what the run before it was to do.
    """
    if PARENT_RUN_ID_TAG in tags and RETRY_NUMBER_TAG not in tags:
        return Intent.RE_EXECUTE
    return Intent.LEASE if LEASE_TAG in tags else Intent.BACKFILL


def order_id(run_id: str, tags: Mapping[str, str], pipeline: str, hours: Sequence[datetime]) -> str:
    """The order that a backfill's run gives; a second run for the same hours of one backfill finds the first's."""
    backfill = tags.get(BACKFILL_ID_TAG)
    if intent_of(tags) is not Intent.BACKFILL or backfill is None:
        return run_id
    return f"{backfill}/{pipeline}/{span_of(hours)}"


def span_of(hours: Sequence[datetime]) -> str:
    """Those hours in short: the one, or the first and the last."""
    first, last = partition_of(min(hours)), partition_of(max(hours))
    return first if first == last else f"{first}..{last}"


def in_short(batches: Sequence[tuple[str, int]]) -> str:
    """Batches as people name them, neighbours drawn together: `bids/3-9, bids/12`; cut where it gets too long."""
    spans: list[tuple[str, int, int]] = []
    for stream, number in sorted(batches):
        if spans and spans[-1][0] == stream and spans[-1][2] == number - 1:
            spans[-1] = (stream, spans[-1][1], number)
        else:
            spans.append((stream, number, number))
    words = ", ".join(f"{stream}/{first}" + (f"-{last}" if last > first else "") for stream, first, last in spans)
    if len(words) <= MOST_CHARACTERS:
        return words or "none"
    return f"{words[: MOST_CHARACTERS - 30].rpartition(',')[0]} … {len(batches)} batches"
