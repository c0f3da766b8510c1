"""What happened: values that are recorded once and never change. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from analytics_platform.errors import DeclarationError
from analytics_platform.product import OnFailure, Severity


class BatchState(StrEnum):
    """Where a batch is on its path."""

    PLANNED = "planned"
    LANDED = "landed"
    JUDGED = "judged"
    PUBLISHED = "published"
    HELD = "held"
    DISCARDED = "discarded"


OPEN_STATES = (BatchState.PLANNED, BatchState.LANDED, BatchState.JUDGED)


class Outcome(StrEnum):
    """What became of a row; each row has exactly one."""

    PUBLISHED = "published"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    QUARANTINED = "quarantined"
    HELD = "held"
    DISCARDED = "discarded"
    BEYOND_HORIZON = "beyond_horizon"


class SchemaFormat(StrEnum):
    """The language a schema is written in."""

    AVRO = "AVRO"
    JSON = "JSON"


class Failpoint(StrEnum):
    """The named places at which a test may kill a worker; the one list."""

    AFTER_PLAN = "after_plan"
    AFTER_FETCH = "after_fetch"
    AFTER_PARQUET = "after_parquet"
    AFTER_COMMIT = "after_commit"
    AFTER_DIRTY = "after_dirty"
    AFTER_PUBLISH = "after_publish"
    AFTER_EVENT = "after_event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One immutable version of a subject; `text` is its Avro or JSON Schema source."""

    id: int
    guid: UUID
    subject: str
    version: int
    format: SchemaFormat
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSchemas:
    """The schemas a stream is decoded with: every writer version by id, and the one readers see.

    `deprecated` are the ids of versions that producers should leave.
    """

    stream: str
    reader: Schema
    writers: Mapping[int, Schema]
    deprecated: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetRange:
    """Offsets [start, end) of one partition of one topic, by the topic's id, not its name."""

    topic_id: UUID
    partition: int
    start: int
    end: int

    @property
    def offsets(self) -> int:
        """How many offsets the range spans; gaps included."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionOffsets:
    """What the broker says of a partition: the first offset kept, the end of what is stable, and that of the log.

    What lies between the two ends is written by transactions that are not decided yet, or waits behind one.
    """

    topic_id: UUID
    partition: int
    first: int
    stable_end: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """What a batch is judged with, whenever that is: a schema by its id, and the ledger's contract of that digest."""

    reader_schema_id: int
    contract_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class BatchId:
    """A stream's n-th batch, counted from 1 without gaps."""

    stream: str
    number: int

    @classmethod
    def named(cls, name: str) -> Self:
        """The batch that people name so; DeclarationError if that names none."""
        stream, _, number = name.partition("/")
        if not stream or not number.isdigit():
            raise DeclarationError(f"batch {name!r}", "names no batch", "say bids/7")
        return cls(stream=stream, number=int(number))

    def __str__(self) -> str:
        return f"{self.stream}/{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The only unit of identity: immutable ranges, the hour they were planned in, and pins."""

    id: BatchId
    hour: datetime
    ranges: tuple[OffsetRange, ...]
    pins: Pins
    state: BatchState = BatchState.PLANNED
    landed_rows: int | None = None

    @property
    def offsets(self) -> int:
        """How many offsets the batch spans; gaps included."""
        return sum(r.offsets for r in self.ranges)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check said of one batch. `values` are the numbers it weighed; `column` the one that it is about.

    `layer` is the table of the stream that shows it.
    """

    name: str
    passed: bool
    severity: Severity
    detail: str
    values: Mapping[str, float]
    column: str | None = None
    on_failure: OnFailure = OnFailure.HOLD_BATCH
    layer: str = "silver"

    @property
    def stops(self) -> bool:
        """Whether the batch is held for it."""
        return not self.passed and self.severity is Severity.ERROR and self.on_failure is OnFailure.HOLD_BATCH

    @property
    def freezes(self) -> bool:
        """Whether models that read its column keep what they have, once the batch is published."""
        return not self.passed and self.severity is Severity.ERROR and self.on_failure is OnFailure.FREEZE_MODELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one check said of one batch. `column` is the one that the check is about, if it is about one."""

    asset: str
    check: str
    passed: bool
    severity: str
    detail: str
    values: Mapping[str, float] = field(default_factory=dict)
    column: str | None = None
    on_failure: str = OnFailure.HOLD_BATCH

    @property
    def freezes(self) -> bool:
        """Whether models that read its column keep what they have, while nobody has settled it."""
        return not self.passed and self.severity == Severity.ERROR and self.on_failure == OnFailure.FREEZE_MODELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What became of one batch. Never edited: a later revision refers to the earlier.

    `outcomes` counts rows; `hashes` is the order-free content hash by table; `versions` the table version that
    holds the batch; `newest_event_at` the highest event time by partition of `topic_id` up to and including this batch;
    `too_late` the rows that silver has and a model leaves out. `incomplete`, of a held batch, are by model the grains
    that lack its rows, None where any may. `cause` is why the batch was judged: `live`, or the rework that asked for
    it. `resolution` is what a person decided about failed verdicts, and who: they are settled.
    """

    batch: BatchId
    hour: datetime
    revision: int
    epoch: int
    offsets: int
    rows: int
    gaps: int
    outcomes: Mapping[Outcome, int]
    hashes: Mapping[str, int]
    versions: Mapping[str, int]
    verdicts: tuple[Verdict, ...]
    newest_event_at: Mapping[int, datetime]
    reader_schema_id: int
    metrics: Mapping[str, float]
    libraries: Mapping[str, str]
    contract_digest: str = ""
    topic_id: UUID | None = None
    too_late: Mapping[str, int] = field(default_factory=dict)
    incomplete: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    cause: str = "live"
    resolution: str | None = None

    @property
    def is_reconciled(self) -> bool:
        """Whether offsets = rows + gaps, and rows = the sum of outcomes."""
        return self.offsets == self.rows + self.gaps and self.rows == sum(self.outcomes.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseReport:
    """What one run did: the manifests it published, oldest first, and how long it took."""

    pipeline: str
    epoch: int
    hour: datetime
    manifests: tuple[Manifest, ...]
    models: Mapping[str, "ModelReport"]
    cycles: int
    seconds: float
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """What a lease did to one model: grains recomputed, the version now public and its row count."""

    model: str
    grains: int
    version: int
    rows: int
