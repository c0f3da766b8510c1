"""What a person, or a backfill, orders to be judged again, and what was decided about a batch. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from analytics_platform.errors import LedgerError
from analytics_platform.facts import OPEN_STATES, Batch, BatchId, BatchState, Manifest, Outcome

TARGET_SECONDS = 0.4  # of a chunk: as long as a live batch may have to wait
# Whatever it holds, a chunk that changes something rewrites the files it is in and their models: 1 s of CPU, and 0.04 s
# more for 1,000 rows (40 batches of 4,000, five sizes in one run). Fewer rows would not be sooner, only more often.
FEWEST_ROWS, MOST_ROWS, FIRST_ROWS = 10_000, 50_000, 10_000


class Kind(StrEnum):
    """Why batches are judged again."""

    BACKFILL = "backfill"
    REEXECUTE = "re-execute"
    RERUN = "rerun"
    RELEASE = "release"
    DISCARD = "discard"
    RETRACT = "retract"
    REJUDGE = "rejudge"
    REDRIVE = "redrive"


class OrderState(StrEnum):
    """Where an order is; a cancelled or failed one can be opened again."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class OrderRefusedError(LedgerError):
    """A batch cannot be treated as it was ordered."""

    def __init__(self, kind: str, batch: str, problem: str) -> None:
        super().__init__(kind, batch, problem)
        self.kind, self.batch, self.problem = kind, batch, problem

    def __str__(self) -> str:
        return f"cannot {self.kind} {self.batch}: {self.problem}"


RETRACTED = "retracted"
TODAYS_VERSIONS = (Kind.BACKFILL, Kind.RERUN, Kind.REDRIVE)
PERSONS = (Kind.RELEASE, Kind.DISCARD, Kind.RETRACT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Batches to judge again: named, or all that are planned in `hours` of `streams`; frozen when it is given.

    `assets` are the tables to bring up to date, by name (`bids/silver`, `hot_items`); none: all of them. An order of a
    known `id` is the one that was given before; with none it gets one.
    """

    pipeline: str
    kind: Kind
    requested_by: str
    reason: str
    requested_at: datetime
    batches: tuple[BatchId, ...] = ()
    hours: tuple[datetime, ...] = ()
    streams: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What a person has decided about a batch for good: nothing of it is published, or no check holds it back."""

    text: str
    is_discarded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What is reworked at once: batches of one stream and order that follow one another, with their last manifests."""

    order: Order
    batches: tuple[Batch, ...]
    manifests: Mapping[int, Manifest]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an order is. `changes` sums what changed: rows added to and removed from silver, outcomes before, after.

    `rows` are those of the batches that are done.
    """

    id: str
    pipeline: str
    kind: Kind
    state: OrderState
    requested_by: str
    reason: str
    requested_at: datetime
    ended_at: datetime | None
    batches: int
    done: int
    changed: int
    rows: int
    changes: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None

    @property
    def left(self) -> int:
        """How many batches are still to be judged."""
        return self.batches - self.done


def refusal(kind: Kind, state: BatchState | None, *, freezes: bool = False) -> str | None:
    """Why a batch in that state (None: there is none) cannot be treated so, and what to do; None if it can.

    `freezes` tells whether models wait for what is decided about it, though it is published.
    """
    if state is None:
        return "there is no such batch; `ap batch list` shows what there is"
    if state in OPEN_STATES:
        return f"it is {state}, the next lease judges it; wait until `ap batch list` shows it published or held"
    if kind is Kind.RELEASE and state is BatchState.PUBLISHED and not freezes:
        return "it is published, nothing holds it back; to judge it again: `ap batch rerun`"
    if kind is Kind.DISCARD and state is BatchState.DISCARDED:
        return "it is discarded already; to have its rows after all: `ap batch release`"
    if kind is Kind.RETRACT and state is not BatchState.PUBLISHED:
        return f"it is {state}, readers never had it; to give it up for good: `ap batch discard`"
    return None


def state_of(manifest: Manifest) -> BatchState:
    """The state that a batch has by its manifest: held and discarded batches are so with every row."""
    for outcome, state in ((Outcome.HELD, BatchState.HELD), (Outcome.DISCARDED, BatchState.DISCARDED)):
        if manifest.outcomes.get(outcome):
            return state
    return BatchState.PUBLISHED


def ruling_of(order: Order, manifest: Manifest) -> Ruling | None:
    """What holds for a batch in that order: what it decides, else what was decided before. None: nothing."""
    by = f"by {order.requested_by}: {order.reason}"
    if order.kind is Kind.RELEASE:
        return Ruling(text=f"released {by}", is_discarded=False)
    if order.kind is Kind.DISCARD:
        return Ruling(text=f"discarded {by}", is_discarded=True)
    if order.kind is Kind.RETRACT:
        return Ruling(text=f"{RETRACTED} {by}", is_discarded=True)
    return standing_ruling(manifest)


def standing_ruling(manifest: Manifest) -> Ruling | None:
    """What was decided about the batch before."""
    if manifest.resolution is None:
        return None
    return Ruling(text=manifest.resolution, is_discarded=state_of(manifest) is BatchState.DISCARDED)


def next_rows(rows: int, seconds: float, planned: int) -> int:
    """How many rows the next chunk may have, by what the last one took: fewer at once, more step by step."""
    fitting = int(rows * TARGET_SECONDS / max(seconds, 0.001))
    wanted = fitting if seconds > TARGET_SECONDS else min(2 * planned, max(planned, fitting))
    return max(FEWEST_ROWS, min(MOST_ROWS, wanted))
