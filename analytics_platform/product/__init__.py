"""What is promised: streams, models and the closed sets they are declared with. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from analytics_platform.product.privacy import Privacy

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)


class Encoding(StrEnum):
    """How a record's value is written on the topic."""

    CONFLUENT = "confluent"  # 0x00 + schema id + body, or the schema's GUID in a header
    AVRO = "avro"  # a bare Avro body, always in the reader schema
    JSON = "json"  # bare JSON


class Compatibility(StrEnum):
    """What a new schema version may do to readers and writers of older ones."""

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"


class Severity(StrEnum):
    """What a failed check does: warn only, or hold back what depends on it."""

    WARN = "warn"
    ERROR = "error"


class OnFailure(StrEnum):
    """What a failed check of severity ERROR does to its batch."""

    HOLD_BATCH = "hold_batch"  # nothing of it is published until somebody decides
    FREEZE_MODELS = "freeze_models"  # it is published; models that read the column keep what they have until then


class BehindHeld(StrEnum):
    """What becomes of a stream's records that come after a batch which is held."""

    CONTINUE = "continue"  # they are published: a held batch stops only what depends on it
    WAIT = "wait"  # they stay in Kafka until somebody has decided: nothing overtakes anything


class SchemaCheck(StrEnum):
    """What is checked of the schemas that a batch is written in and read with."""

    KNOWN = "schema_ids_known"  # its ids are published, as versions of this subject
    COMPATIBLE = "schema_compatible"  # the reader keeps what the stream promises to those of earlier versions
    TABLE = "table_is_reader_schema"  # silver has the reader's columns and no others
    DEPRECATED = "deprecated_share"  # few records are written in deprecated versions


@dataclass(frozen=True, slots=True)
class FromHeader:
    """Taken from a record header of this name (UTF-8 text)."""

    name: str


@dataclass(frozen=True, slots=True)
class FromField:
    """Taken from a field of the value; dots lead into objects: `meta.id`."""

    name: str


@dataclass(frozen=True, slots=True)
class FromKey:
    """Taken from the record's key, as UTF-8 text."""


@dataclass(frozen=True, slots=True)
class FromCoordinates:
    """The record's own topic id, partition and offset: every record is its own event."""


@dataclass(frozen=True, slots=True)
class FromBroker:
    """The timestamp of the record itself."""


Identity = FromHeader | FromField | FromKey | FromCoordinates
EventTime = FromHeader | FromField | FromBroker


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A row rule: `holds` is a SQL expression over the reader schema; NULL counts as false."""

    name: str
    holds: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCheck:
    """A check of a whole batch: `holds` is a SQL aggregate over its rows, decoded and judged by their rules.

    In it, `reason` is null for a row that passed. A batch that fails one of severity ERROR is held.
    """

    name: str
    holds: str
    description: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One topic that becomes bronze, silver and exceptions tables.

    `late_within` is how far behind the newest event of its partition a row may be before it is refused as
    beyond the horizon; ids are deduplicated over the same span. A partition without news for `idle_after` no longer
    holds the watermark back. `strict_schemas` are the checks of schemas that hold a batch; the others warn.
    `unknown_schemas_at_most` and `deprecated_at_most` are shares of a batch's records. `behind_held` says whether
    records wait behind a held batch, `approvers` who must agree to what others decide about its batches.
    `dead_letters` is a topic that gets the rows which silver will not hold, for producers who want to hear of them.
    `contract` is the text of its data contract, `privacy` how its personal data is kept, and `kept_for` how long its
    rows are, for ever if None; all are attached when the catalogue is opened.
    """

    name: str
    topic: str
    pipeline: str
    description: str
    owner: str
    encoding: Encoding = Encoding.CONFLUENT
    identity: Identity = FromCoordinates()
    event_time: EventTime = FromBroker()
    key: str | None = None
    rules: tuple[Rule, ...] = ()
    checks: tuple[BatchCheck, ...] = ()
    freshness: timedelta = timedelta(minutes=2)
    late_within: timedelta = timedelta(days=7)
    compatibility: Compatibility = Compatibility.BACKWARD
    since: datetime = EARLIEST
    partitions: int = 1
    batch_rows: int = 200_000
    batch_bytes: int = 256_000_000
    idle_after: timedelta = timedelta(seconds=10)
    strict_schemas: tuple[SchemaCheck, ...] = ()
    unknown_schemas_at_most: float = 0.05
    deprecated_at_most: float = 1.0
    behind_held: BehindHeld = BehindHeld.CONTINUE
    approvers: tuple[str, ...] = ()
    dead_letters: str | None = None
    contract: str = field(default="", repr=False)
    privacy: Privacy | None = field(default=None, repr=False)
    kept_for: timedelta | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A grain of event time: windows of `size`, named by `column` after their start (UTC).

    They begin at whole multiples of `every` since 1970; where that is shorter than `size` the windows overlap
    (hopping), where it is left out they follow one another (tumbling).
    """

    column: str
    size: timedelta
    every: timedelta | None = None

    @property
    def step(self) -> timedelta:
        """From one window's start to the next one's."""
        return self.every or self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """When the rows of a key can happen: between two instants of the row of `input` that has this key.

    It bounds what a recompute reads, and `ends` is a timer: when the watermark passes it, the key is recomputed.
    """

    input: str
    starts: str
    ends: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A grain named by the value of a column. Without a life it is only for models over models."""

    column: str
    life: Life | None = None


Grain = Window | Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A table computed from streams and other models by one SELECT, recomputed grain by grain.

    The SQL sees each input as a relation of that name which holds only the rows of the grains being recomputed; for a
    window with a column named after the grain's beside the input's own. `watermark()` is how far time has come.
    `touches` names by input the column that says which grains a row belongs to: an instant for windows (streams:
    `event_at` if left out), the key's value for keys. `columns` says what each column of the result means.

    A row of a stream that lies further than `lateness` behind the newest event before it in its partition is too late:
    it is in silver and not in the model. Late rows of windows that are over are gathered for `late_every` of event
    time before these are recomputed.
    """

    name: str
    pipeline: str
    description: str
    owner: str
    sql: str
    inputs: tuple[str, ...]
    grain: Grain
    touches: Mapping[str, str] = field(default_factory=dict, hash=False)
    lateness: timedelta = timedelta(days=7)
    late_every: timedelta = timedelta(minutes=1)
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    freshness: timedelta = timedelta(minutes=2)
    contract: str = field(default="", repr=False)

    @property
    def life(self) -> Life | None:
        """When the rows of its keys can happen, where that is bounded."""
        return self.grain.life if isinstance(self.grain, Key) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """The streams and models that hang together: one lease, one lock, one Dagster job.

    A model comes after the models it reads.
    """

    name: str
    streams: tuple[Stream, ...]
    models: tuple[Model, ...]

    @property
    def since(self) -> datetime:
        """The start of the pipeline's first hour."""
        return min(stream.since for stream in self.streams)

    @property
    def largest_window(self) -> timedelta:
        """The longest time that one grain of a model spans; zero without windows."""
        return max((m.grain.size for m in self.models if isinstance(m.grain, Window)), default=timedelta(0))

    @property
    def stream_names(self) -> list[str]:
        """The streams' names."""
        return [stream.name for stream in self.streams]

    @property
    def model_names(self) -> list[str]:
        """The models' names."""
        return [model.name for model in self.models]

    def stream(self, name: str) -> Stream:
        """The stream of that name; KeyError if it is not part of this pipeline."""
        return {stream.name: stream for stream in self.streams}[name]

    def model(self, name: str) -> Model:
        """The model of that name; KeyError if it is not part of this pipeline."""
        return {model.name: model for model in self.models}[name]

    def with_streams(self, change: Callable[[Stream], Stream]) -> "Pipeline":
        """The pipeline with each of its streams changed."""
        return replace(self, streams=tuple(map(change, self.streams)))

    def readers(self, name: str) -> list[Model]:
        """The models that read a stream or model directly."""
        return [model for model in self.models if name in model.inputs]

    def sources(self, model: Model) -> list[Stream]:
        """The streams that a model is computed from, through models too."""
        found: dict[str, Stream] = {}
        for name in model.inputs:
            below = [self.stream(name)] if name in self.stream_names else self.sources(self.model(name))
            found |= {stream.name: stream for stream in below}
        return [found[name] for name in sorted(found)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Everything that is declared."""

    pipelines: Mapping[str, Pipeline]

    @property
    def streams(self) -> dict[str, Stream]:
        """Every declared stream by name."""
        return {s.name: s for p in self.pipelines.values() for s in p.streams}

    @property
    def models(self) -> dict[str, Model]:
        """Every declared model by name."""
        return {m.name: m for p in self.pipelines.values() for m in p.models}
